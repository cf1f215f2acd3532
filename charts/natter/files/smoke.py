"""`helm test`: two sessions on two gateway pods exchange a message, a presence and a room message.

python smoke.py HOST:PORT DOMAIN     with SMOKE_PASSWORD, for the accounts smoke-a and smoke-b
"""

import asyncio
import base64
import os
import re
import secrets
import socket
import ssl
import sys

SECONDS_MAX = 20.0
BYTES_MAX = 1 << 20


class Session:
    """One logged-in client. Enough XMPP for this test and no more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.seen = reader, writer, ""

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def until(self, pattern: str) -> str:
        """Wait for what matches, and forget it and all before it."""
        async with asyncio.timeout(SECONDS_MAX):
            while not (found := re.search(pattern, self.seen, re.DOTALL)):
                data = await self.reader.read(65536)
                if not data or len(self.seen) > BYTES_MAX:
                    raise SystemExit(f"{pattern} did not come; the stream ended with: {self.seen[-500:]}")
                self.seen += data.decode(errors="replace")
        self.seen = self.seen[found.end() :]
        return found[0]


async def login(address: tuple[str, int], domain: str, name: str, password: str) -> Session:
    """Direct TLS (XEP-0368), SASL PLAIN, a resource."""
    tls = ssl.create_default_context()
    # The pod is meant, whatever its certificate; that clients can verify it is the ingress's business.
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.set_alpn_protocols(["xmpp-client"])
    session = Session(*await asyncio.open_connection(*address, ssl=tls, server_hostname=domain))
    opening = f"<stream:stream to='{domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    session.send(opening)
    await session.until("</stream:features>")
    token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    session.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
    await session.until("<success")
    session.send(opening)
    await session.until("</stream:features>")
    session.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    await session.until("<jid>[^<]+</jid>")
    return session


async def exchange(a: Session, b: Session, domain: str) -> None:
    """Message both ways, presence by a subscription that is granted, a room."""
    nonce = secrets.token_hex(6)
    for session in (a, b):
        session.send("<presence/>")
        # Who sees its own presence is routed to.
        await session.until("<presence")
    for session, other in ((a, "smoke-b"), (b, "smoke-a")):
        session.send(f"<message to='{other}@{domain}' type='chat' id='m'><body>to {other} {nonce}</body></message>")
    await b.until(f"to smoke-b {nonce}")
    await a.until(f"to smoke-a {nonce}")
    print("messages: both ways")

    a.send(f"<presence to='smoke-b@{domain}' type='subscribe'/>")
    b.send(f"<presence to='smoke-a@{domain}' type='subscribed'/><presence><status>{nonce}</status></presence>")
    b.send(f"<presence to='smoke-a@{domain}' type='subscribed'/>")
    await a.until(f"type=['\"]subscribed['\"]|<status>{nonce}</status>")
    b.send(f"<presence><status>again {nonce}</status></presence>")
    await a.until(f"<status>again {nonce}</status>")
    print("presence: seen by the subscriber")

    room = f"smoke-{nonce}@conference.{domain}"
    for session, nick in ((a, "A"), (b, "B")):
        session.send(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await session.until("<subject")
        if nick == "A":
            session.send(
                f"<iq type='set' id='o' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
            )
            await session.until("id=['\"]o['\"]")
    a.send(f"<message to='{room}' type='groupchat' id='g'><body>to all {nonce}</body></message>")
    await b.until(f"to all {nonce}")
    print("room: heard by the other")


async def main() -> None:
    host, _, port = sys.argv[1].rpartition(":")
    domain, password = sys.argv[2], os.environ["SMOKE_PASSWORD"]
    found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    addresses = sorted({entry[4][:2] for entry in found})
    print(f"{len(addresses)} gateway pod(s)")
    a = await login(addresses[0], domain, "smoke-a", password)
    b = await login(addresses[-1], domain, "smoke-b", password)
    await exchange(a, b, domain)
    for session in (a, b):
        session.send("</stream:stream>")
        session.writer.close()


asyncio.run(main())
