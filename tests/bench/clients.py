"""Load clients: as little work per stanza as Python allows, so that the servers are what is measured."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Callable

OPEN = (
    "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)
REPLY_SECONDS_MAX = 60.0
END = b"</message>"
# XEP-0198, as slixmpp and others do it: a request behind every fifth stanza, an answer to each of the server's.
MANAGED_NS = b"urn:xmpp:sm:3"
REQUEST = b"<r xmlns='" + MANAGED_NS + b"'/>"
WINDOW_STANZAS = 5


class Client(asyncio.Protocol):
    """One connection. Logs in with PLAIN; afterwards `on_data` gets what arrives."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.text = b""
        self.waiting: tuple[re.Pattern[bytes], asyncio.Future[bytes]] | None = None
        self.on_data: Callable[[bytes], None] | None = None
        self.jid = ""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop has its own class

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.waiting is not None and not self.waiting[1].done():
            self.waiting[1].set_exception(ConnectionError(f"closed: {self.text[-500:]!r}"))

    def data_received(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data(data)
            return
        self.text += data
        self.look()

    def look(self) -> None:
        """Resolve the wait for a pattern."""
        if self.waiting is not None and (match := self.waiting[0].search(self.text)) is not None:
            self.text = self.text[match.end() :]
            future, self.waiting = self.waiting[1], None
            if not future.done():
                future.set_result(match.group(0))

    def send(self, data: str | bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.encode() if isinstance(data, str) else data)

    async def ask(self, data: str, pattern: str) -> str:
        """Send, and wait for the answer that fits."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting = (re.compile(pattern.encode(), re.DOTALL), future)
        self.send(data)
        self.look()
        async with asyncio.timeout(REPLY_SECONDS_MAX):
            return (await future).decode()

    async def login(self, user: str, password: str, *, resource: str = "b") -> Client:
        """Stream, PLAIN, bind, session where it is asked for, presence."""
        await self.ask(OPEN, r"</stream:features>")
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        await self.ask(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>", r"<success[^>]*>"
        )
        await self.ask(OPEN, r"</stream:features>")
        bound = await self.ask(
            "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>",
            r"<jid>.*?</iq>",
        )
        self.jid = bound.partition("<jid>")[2].partition("</jid>")[0]
        await self.ask(
            "<iq type='set' id='s1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", r"id=.s1.[^>]*>"
        )
        await self.ask("<presence/>", r"<presence[^>]*>")
        return self

    async def manage(self) -> Client:
        """Enable stream management with resumption (XEP-0198 §3, §5)."""
        await self.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", r"<enabled[^>]*>")
        return self

    async def register(self, user: str, password: str) -> None:
        """In-band registration on a fresh connection."""
        await self.ask(OPEN, r"</stream:features>")
        answer = await self.ask(
            "<iq type='set' id='r1'><query xmlns='jabber:iq:register'>"
            f"<username>{user}</username><password>{password}</password></query></iq>",
            r"<iq[^>]*r1.*?>",
        )
        assert "error" not in answer, answer


async def connect(host: str, port: int, secure: ssl.SSLContext | None = None) -> Client:
    """Open one connection."""
    name = "localhost" if secure else None
    _, client = await asyncio.get_running_loop().create_connection(Client, host, port, ssl=secure, server_hostname=name)
    return client


class Managed:
    """What a client under stream management says beside its messages. Its own answers are counted, not looked at."""

    def __init__(self, client: Client, message: bytes) -> None:
        assert client.transport is not None
        self.write = client.transport.write
        self.message = message
        self.received = 0
        self.sent = 0

    def send(self, count: int) -> None:
        """So many messages, and a request behind every fifth."""
        parts = []
        for _ in range(count):
            self.sent += 1
            parts.append(self.message)
            if self.sent % WINDOW_STANZAS == 0:
                parts.append(REQUEST)
        self.write(b"".join(parts))

    def heard(self, data: bytes, messages: int) -> None:
        """So many messages came, in data in which the server asks or does not."""
        self.received += messages
        if b"<r xmlns=" in data:
            self.write(b"<a xmlns='%b' h='%d'/>" % (MANAGED_NS, self.received))
