"""Two people chat through natter: log in as both, send a message each way, print what is seen.

natter user add alice --password wonderland
natter user add bob --password builder
python examples/chat.py alice@localhost wonderland bob@localhost builder --ca data/tls/ca.pem
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from slixmpp import ClientXMPP


class Friend(ClientXMPP):  # type: ignore[misc]
    """Logs in and prints every message."""

    def __init__(self, jid: str, password: str, ca: Path) -> None:
        super().__init__(jid, password)
        self.ca_certs = ca
        self.ready = asyncio.Event()
        self.got_message = asyncio.Event()
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("failed_auth", lambda _: print(f"{jid}: the server refused the password"))
        self.add_event_handler("message", self.message)

    async def start(self, _: Any) -> None:
        self.send_presence()
        await self.get_roster()
        print(f"{self.boundjid} is online")
        self.ready.set()

    def message(self, stanza: Any) -> None:
        print(f"{stanza['from'].bare} → {stanza['to'].bare}: {stanza['body']}")
        self.got_message.set()


async def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("jid1", "password1", "jid2", "password2"):
        arguments.add_argument(name)
    arguments.add_argument("--ca", type=Path, required=True, help="the authority that signed the server's certificate")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=5222)
    given = arguments.parse_args()

    one, other = Friend(given.jid1, given.password1, given.ca), Friend(given.jid2, given.password2, given.ca)
    async with asyncio.timeout(20):
        for friend in (one, other):
            friend.connect(given.host, given.port)
            await friend.ready.wait()
        one.send_message(mto=str(other.boundjid.bare), mbody="Hello! Do you read me?", mtype="chat")
        await other.got_message.wait()
        other.send_message(mto=str(one.boundjid.bare), mbody="Loud and clear.", mtype="chat")
        await one.got_message.wait()
    for friend in (one, other):
        await friend.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
