"""A client that comes back whenever its connection is gone, and says when and what it heard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from acceptance import Acceptance, Managed
from raw import BIND, Closed, Raw

LOGIN_SECONDS_MAX = 12.0
# Nothing heard for so long though an answer is due: as a client's ping time-out would.
SILENCE_SECONDS_MAX = 45.0
BACKOFF_SECONDS_MAX = 1.5
ELEMENT = re.compile(
    r"\s*<(?:(message|presence|iq)\b[^>]*?(?:/>|>.*?</\1>)|(a|r|enabled|failed|resumed)\b[^>]*?(?:/>|>.*?</\2>))", re.S
)


def elements(text: str) -> tuple[list[str], str]:
    """Whole stanzas and nonzas, and the rest. No element holds another of its own name here."""
    found, end = [], 0
    while match := ELEMENT.match(text, end):
        found.append(match.group(0).strip())
        end = match.end()
    return found, text[end:]


@dataclass(slots=True, eq=False)
class Talker:
    """One resource. `hear(element)` for everything that comes, `on_up` after each login (not after a resumption)."""

    name: str
    address: Callable[[], tuple[str, int]]
    acceptance: Acceptance
    hear: Callable[[str], None]
    accept: Callable[[Any], None]
    on_up: Callable[[], None] = lambda: None
    password: str = "pw"
    resource: str = "n"
    domain: str = "localhost"
    # Share of the reconnections in which it has lost the id with which it could resume.
    forgets: float = 0.0
    connection: Raw | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)
    # Sessions and connections so far.
    logins: int = 0
    resumptions: int = 0
    heard_at: float = 0.0
    asked_at: float = 0.0
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    troubles: list[str] = field(default_factory=list)

    @property
    def jid(self) -> str:
        return f"{self.name}@{self.domain}/{self.resource}"

    def start(self) -> None:
        """Log in, and stay."""
        self.reading.set()
        self.task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Leave for good."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self.connection is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.connection.close(), 3.0)

    def send(self, xml: str, item: Any = None) -> None:
        """Say something now; only while `up`. What is already broken will be noticed by the reader."""
        assert self.connection is not None
        self.acceptance.sent(xml, item)
        self.connection.send(xml)

    def send_all(self, said: Sequence[tuple[str, Any]]) -> None:
        """`send` for several, in one write."""
        assert self.connection is not None
        for xml, item in said:
            self.acceptance.sent(xml, item)
        self.connection.send("".join(xml for xml, _ in said))

    def probe(self) -> None:
        """Ask what was accepted."""
        xml = self.acceptance.probe(self.jid)
        if xml and self.connection is not None:
            if self.asked_at <= self.heard_at:
                self.asked_at = asyncio.get_running_loop().time()
            self.connection.send(xml)

    async def _run(self) -> None:
        backoff = 0.05
        while True:
            try:
                async with asyncio.timeout(LOGIN_SECONDS_MAX):
                    await self._login()
                backoff = 0.05
                await self._read()
            except (OSError, Closed, TimeoutError, AssertionError, EOFError) as error:
                self.troubles.append(f"{type(error).__name__}: {str(error)[:200]}")
                del self.troubles[:-20]
            self.up.clear()
            self.acceptance.broken()
            if self.connection is not None:
                self.connection.writer.transport.abort()
                self.connection = None
            await asyncio.sleep(random.uniform(backoff / 2, backoff))
            backoff = min(BACKOFF_SECONDS_MAX, backoff * 2)

    async def _login(self) -> None:
        connection = await Raw.open(*self.address(), domain=self.domain)
        self.connection = connection
        await connection.features()
        plain = base64.b64encode(f"\0{self.name}\0{self.password}".encode()).decode()
        connection.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
        answer = await connection.until(r"<(success|failure)\b.*?(?:/>|</\1>)")
        if answer.group(1) == "failure":
            raise AssertionError(answer.group(0))
        offered = Managed.offered(await connection.features())
        if not await self._resumed(connection):
            connection.send(
                f"<iq type='set' id='bind'><bind xmlns='{BIND}'><resource>{self.resource}</resource></bind></iq>"
            )
            bound = (await connection.until(r"<iq\b[^>]*\bid=.bind.*?</iq>")).group(0)
            assert "<jid>" in bound, bound
            if isinstance(self.acceptance, Managed) and offered:
                connection.send(self.acceptance.enable())
                self.acceptance.heard((await connection.until(r"<enabled\b[^>]*?(?:/>|>.*?</enabled>)")).group(0))
            self.logins += 1
            self.on_up()
        self.heard_at = asyncio.get_running_loop().time()
        self.asked_at = 0.0
        self.up.set()

    async def _resumed(self, connection: Raw) -> bool:
        acceptance = self.acceptance
        if not isinstance(acceptance, Managed) or not (resume := acceptance.resume()):
            return False
        if random.random() < self.forgets:
            acceptance.forget()
            return False
        connection.send(resume)
        answer = (await connection.until(r"<(resumed|failed)\b[^>]*?(?:/>|>.*?</\1>)")).group(0)
        if answer.startswith("<failed"):
            for item in acceptance.failed(answer):
                self.accept(item)
            return False
        done, again = acceptance.resumed(answer)
        for item in done:
            self.accept(item)
        for xml in again:
            connection.send(xml)
        self.resumptions += 1
        return True

    async def _read(self) -> None:
        connection, loop = self.connection, asyncio.get_running_loop()
        assert connection is not None
        while True:
            found, connection.text = elements(connection.text)
            for element in found:
                done, answer = self.acceptance.heard(element)
                for item in done:
                    self.accept(item)
                if answer:
                    connection.send(answer)
                self.hear(element)
            if "<stream:error" in connection.text or "</stream:stream>" in connection.text:
                raise Closed(connection.text)
            await self.reading.wait()
            try:
                async with asyncio.timeout(2.0):
                    data = await connection.reader.read(65536)
            except TimeoutError:
                if self.asked_at > self.heard_at and loop.time() - self.asked_at > SILENCE_SECONDS_MAX:
                    raise Closed("silence") from None
                continue
            if not data:
                raise Closed(connection.text)
            self.heard_at = loop.time()
            connection.text += data.decode()
