"""A client with stream management that comes back whenever its connection is lost, and keeps both sides' books."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, XMLPullParser

from raw import Closed, Raw

SM = "urn:xmpp:sm:3"
CLIENT = "{jabber:client}"
TRY_SECONDS_MAX = 8.0
BACK_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Managed:
    """One session. `run` reads until `stop`; stanzas that were heard are in `heard`."""

    host: str
    port: int
    user: str
    password: str
    resource: str = "m"
    max_seconds: int = 600
    # TLS from the first byte where it is given; how long one attempt to come back may take.
    secure: ssl.SSLContext | None = None
    try_seconds_max: float = TRY_SECONDS_MAX
    jid: str = ""
    previd: str = ""
    # Stanzas received and, of those sent, acknowledged; and those sent that are not.
    inbound: int = 0
    acknowledged: int = 0
    unacked: deque[str] = field(default_factory=deque)
    heard: list[Element] = field(default_factory=list)
    resumed: int = 0
    failures: list[str] = field(default_factory=list)
    # How long each resumption took, from the loss of the connection.
    seconds: list[float] = field(default_factory=list)
    # When each connection was lost.
    lost: list[float] = field(default_factory=list)
    raw: Raw | None = None
    stopping: bool = False
    acknowledges: bool = True
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    parser: XMLPullParser = field(default_factory=lambda: XMLPullParser(("start", "end")))
    depth: int = 0

    async def start(self, *, presence: bool = False) -> Managed:
        """Log in, enable, and begin to read."""
        raw = await Raw.open(self.host, self.port, secure=self.secure)
        await raw.login(self.user, self.password, resource=self.resource, presence=False)
        self.jid = raw.jid
        raw.send(f"<enable xmlns='{SM}' resume='true' max='{self.max_seconds}'/>")
        self.previd = (await raw.until(f"<enabled xmlns='{SM}' id='([^']*)'[^>]*/>")).group(1)
        self.raw = raw
        self.task = asyncio.create_task(self._run())
        if presence:
            self.send("<presence/>")
        return self

    def send(self, stanza: str) -> None:
        """Send a stanza now, and again after a resumption that shows it was not taken."""
        self.unacked.append(stanza)
        if self.raw is not None:
            self.raw.send(stanza)

    def ask(self) -> None:
        """What is durable?"""
        if self.raw is not None:
            self.raw.send(f"<r xmlns='{SM}'/>")

    async def acknowledge_all(self, *, seconds: float = 30.0) -> None:
        """Wait until everything sent is acknowledged."""
        async with asyncio.timeout(seconds):
            while self.unacked:
                self.ask()
                self.changed.clear()
                try:
                    async with asyncio.timeout(0.5):
                        await self.changed.wait()
                except TimeoutError:
                    continue

    async def until(self, pattern: str, *, seconds: float = 30.0) -> Element:
        """The first stanza heard whose text fits; it is taken out."""
        from xml.etree.ElementTree import tostring

        compiled = re.compile(pattern, re.DOTALL)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.changed.clear()
                    for i, stanza in enumerate(self.heard):
                        if compiled.search(tostring(stanza).decode()):
                            return self.heard.pop(i)
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self.jid}: no {pattern!r}; {self.failures}") from None

    def cut(self) -> None:
        """Lose the connection."""
        if self.raw is not None:
            self.raw.writer.transport.abort()

    async def stop(self) -> None:
        """End the stream politely."""
        self.stopping = True
        if self.raw is not None:
            self.raw.send(f"<a xmlns='{SM}' h='{self.inbound}'/></stream:stream>")
            self.raw.writer.close()
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        while not self.stopping:
            assert self.raw is not None
            try:
                await self._read(self.raw)
            except (ConnectionError, OSError):
                pass
            if self.stopping:
                return
            raw, self.raw = self.raw, None
            raw.writer.transport.abort()
            lost = time.monotonic()
            self.lost.append(lost)
            while not await self._come_back():
                if time.monotonic() - lost > max(BACK_SECONDS_MAX, 2 * self.try_seconds_max):
                    self.failures.append("never came back")
                    return
                await asyncio.sleep(0.1)
            self.seconds.append(time.monotonic() - lost)

    async def _read(self, raw: Raw) -> None:
        self.parser, self.depth = XMLPullParser(("start", "end")), 0
        self.parser.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
        data, raw.text = raw.text.encode(), ""
        while True:
            self._feed(data)
            data = await raw.reader.read(65536)
            if not data:
                return

    def _feed(self, data: bytes) -> None:
        if not data:
            return
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "end" and self.depth == 1:
                self._take(element)
        self.changed.set()

    def _take(self, element: Element) -> None:
        if element.tag == f"{{{SM}}}r":
            if self.raw is not None and self.acknowledges:
                self.raw.send(f"<a xmlns='{SM}' h='{self.inbound}'/>")
        elif element.tag == f"{{{SM}}}a":
            self._acknowledged(int(element.get("h", "")))
        elif element.tag.startswith(CLIENT):
            self.inbound += 1
            self.heard.append(element)
        elif not element.tag.startswith("{http://etherx"):
            self.failures.append(element.tag)

    def _acknowledged(self, h: int) -> None:
        if not 0 <= h - self.acknowledged <= len(self.unacked):
            self.failures.append(f"h={h} after {self.acknowledged}, {len(self.unacked)} sent since")
            return
        for _ in range(h - self.acknowledged):
            self.unacked.popleft()
        self.acknowledged = h

    async def _come_back(self) -> bool:
        """One attempt to resume."""
        try:
            async with asyncio.timeout(self.try_seconds_max):
                raw = await Raw.open(self.host, self.port, secure=self.secure)
                await raw.features()
                plain = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
                raw.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
                await raw.until(r"<success[^>]*/>|<success[^>]*></success>")
                await raw.features()
                raw.send(f"<resume xmlns='{SM}' previd='{self.previd}' h='{self.inbound}'/>")
                answer = await raw.until(f"<resumed xmlns='{SM}'[^>]*h='([0-9]+)'/>|<failed.*?</failed>")
        except (TimeoutError, Closed, ConnectionError, OSError, AssertionError):
            return False
        if answer.group(1) is None:
            self.failures.append(answer.group(0))
            self.stopping = True
            return True
        self._acknowledged(int(answer.group(1)))
        self.raw = raw
        self.resumed += 1
        for stanza in self.unacked:
            raw.send(stanza)
        return True
