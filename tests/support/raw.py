"""A client that says exactly what a test tells it to, for load, for hostile input and for protocol scripts."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

OPEN = "<stream:stream to='{domain}' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
REPLY_SECONDS_MAX = 20.0


def tls(ca: Path) -> ssl.SSLContext:
    """A client context that trusts the stack's own authority only."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["xmpp-client"])
    return context


class Closed(Exception):
    """The server closed the connection; carries what it had sent."""


@dataclass(slots=True)
class Raw:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    domain: str = "localhost"
    jid: str = ""
    # What has arrived and was not yet taken by `until`.
    text: str = ""
    seen: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls, host: str, port: int, *, secure: ssl.SSLContext | None = None, domain: str = "localhost"
    ) -> Raw:
        """Connect, with TLS from the first byte where `secure` is given."""
        name = domain if secure else None
        reader, writer = await asyncio.open_connection(host, port, ssl=secure, server_hostname=name, limit=1 << 20)
        return cls(reader, writer, domain)

    def send(self, xml: str | bytes) -> None:
        """Write now."""
        self.writer.write(xml.encode() if isinstance(xml, str) else xml)

    async def until(self, pattern: str, *, seconds: float = REPLY_SECONDS_MAX) -> re.Match[str]:
        """Read until `pattern` is found; what stands before it is dropped."""
        compiled = re.compile(pattern, re.DOTALL)
        try:
            async with asyncio.timeout(seconds):
                while (match := compiled.search(self.text)) is None:
                    data = await self.reader.read(65536)
                    if not data:
                        raise Closed(self.text)
                    self.text += data.decode()
        except TimeoutError:
            raise AssertionError(f"{self.jid}: no {pattern!r} within {seconds} s; had {self.text[-2000:]!r}") from None
        self.text = self.text[match.end() :]
        return match

    async def until_closed(self, *, seconds: float = REPLY_SECONDS_MAX) -> str:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(seconds):
            try:
                while data := await self.reader.read(65536):
                    self.text += data.decode(errors="replace")
            except (ConnectionError, ssl.SSLError):
                pass
        return self.text

    async def features(self) -> str:
        """Open a stream and return its features."""
        self.send(OPEN.format(domain=self.domain))
        return (await self.until(r"<stream:features.*?</stream:features>|<stream:features/>")).group(0)

    async def starttls(self, secure: ssl.SSLContext) -> None:
        """Upgrade, after `features`."""
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await self.until(r"<proceed[^>]*/>")
        await self.writer.start_tls(secure, server_hostname=self.domain)

    async def login(self, user: str, password: str, *, resource: str = "", presence: bool = True) -> Raw:
        """PLAIN, bind and initial presence."""
        await self.features()
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
        await self.until(r"<success[^>]*/>|<success[^>]*></success>")
        await self.features()
        wanted = f"<resource>{resource}</resource>" if resource else ""
        self.send(f"<iq type='set' id='bind'><bind xmlns='{BIND}'>{wanted}</bind></iq>")
        bound = (await self.until(r"<iq\b[^>]*\bid=.bind.*?</iq>")).group(0)
        assert "<jid>" in bound, bound
        self.jid = bound.partition("<jid>")[2].partition("</jid>")[0]
        if presence:
            self.send("<presence/>")
            await self.until(r"<presence\b[^>]*\bfrom=.[^>]*(/>|</presence>)")
        return self

    async def register(self, user: str, password: str) -> None:
        """Make an account in-band (XEP-0077) on a connection that has not authenticated."""
        await self.features()
        self.send(
            "<iq type='set' id='reg'><query xmlns='jabber:iq:register'>"
            f"<username>{user}</username><password>{password}</password></query></iq>"
        )
        match = await self.until(r"<iq\b[^>]*\bid=.reg.[^>]*?(/>|>.*?</iq>)")
        assert "type='result'" in match.group(0) or 'type="result"' in match.group(0), match.group(0)

    async def close(self) -> None:
        """End the stream politely."""
        try:
            self.send("</stream:stream>")
            await self.until_closed(seconds=5.0)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self.writer.close()


async def register_many(host: str, port: int, secure: ssl.SSLContext | None, names: list[str], password: str) -> None:
    """Make many accounts, eight connections at a time."""
    gate = asyncio.Semaphore(8)

    async def one(name: str) -> None:
        async with gate:
            connection = await Raw.open(host, port, secure=secure)
            await connection.register(name, password)
            await connection.close()

    await asyncio.gather(*(one(name) for name in names))
