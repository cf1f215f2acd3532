"""A person with an ordinary client: slixmpp, TLS verified, SCRAM-SHA-256."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from slixmpp import ClientXMPP

HEARD_SECONDS_MAX = 40.0
PASSWORD = "correct horse"
PLUGINS = (
    "xep_0004",
    "xep_0012",
    "xep_0030",
    "xep_0045",
    "xep_0092",
    "xep_0115",
    "xep_0199",
    "xep_0202",
    "xep_0249",
    "xep_0352",
    "xep_0410",
)


class Person(ClientXMPP):  # type: ignore[misc]
    """Keeps every stanza heard until a test asks for it."""

    def __init__(self, jid: str, password: str, ca: Path, *, mech: str = "SCRAM-SHA-256") -> None:
        super().__init__(jid, password, sasl_mech=mech, loop=asyncio.get_running_loop())
        self.ca_certs = ca
        self.enable_direct_tls = False
        self.auto_authorize = None
        self.auto_subscribe = False
        self.heard: list[Any] = []
        self._changed = asyncio.Event()
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        for event in (
            "message",
            "message_error",
            "groupchat_subject",
            "presence",
            "groupchat_presence",
            "failed_auth",
            "roster_update",
        ):
            self.add_event_handler(event, lambda stanza, event=event: self._hear(event, stanza))

    def _hear(self, event: str, stanza: Any) -> None:
        self.heard.append((event, stanza))
        self._changed.set()

    async def expect(self, what: str, is_it: Callable[[str, Any], bool], *, seconds: float = HEARD_SECONDS_MAX) -> Any:
        """The first stanza heard that fits, taken out of what was heard."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    for i, (event, stanza) in enumerate(self.heard):
                        if is_it(event, stanza):
                            del self.heard[i]
                            return stanza
                    await self._changed.wait()
        except TimeoutError:
            heard = "\n".join(f"  {event}: {stanza}" for event, stanza in self.heard)
            raise AssertionError(f"{self.boundjid} did not hear {what}; heard:\n{heard}") from None

    async def says(self, sender: str, body: str) -> Any:
        """A message with this body from this JID (bare matches every resource)."""
        return await self.expect(
            f"{body!r} from {sender}",
            lambda e, s: e == "message" and s["body"] == body and sender in (str(s["from"]), s["from"].bare),
        )

    async def sees(self, sender: str, type_: str) -> Any:
        """A presence of this type ("available" where absent) from this JID."""
        return await self.expect(
            f"presence {type_} from {sender}",
            lambda e, s: (
                e in ("presence", "groupchat_presence")
                and (s._get_attr("type") or "available") == type_
                and sender in (str(s["from"]), s["from"].bare)
            ),
        )

    async def online(self, host: str, port: int, *, presence: bool = True) -> Person:
        """Log in, fetch the roster, send initial presence."""
        started = asyncio.ensure_future(self.wait_until("session_start", timeout=HEARD_SECONDS_MAX))
        self.connect(host, port)
        await started
        await self.get_roster()
        if presence:
            self.send_presence()
            await self.sees(str(self.boundjid), "available")
        return self

    async def offline(self) -> None:
        """Close the stream."""
        await self.disconnect(wait=2.0)


Login = Callable[..., Awaitable[Person]]


async def join(person: Person, room: str, nick: str) -> None:
    """Enter a room and wait until the server has answered."""
    await person.plugin["xep_0045"].join_muc_wait(room, nick, timeout=HEARD_SECONDS_MAX)


async def instant(owner: Person, room: str, nick: str) -> None:
    """Create a room and accept its default configuration (XEP-0045 §10.1.2)."""
    await join(owner, room, nick)
    form = await owner.plugin["xep_0045"].get_room_config(room)
    form["type"] = "submit"
    await owner.plugin["xep_0045"].set_room_config(room, form)
