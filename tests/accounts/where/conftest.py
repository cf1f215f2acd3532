"""Logs with one message in them, as gateways, routers and services write it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from natter.bus import facts, subjects
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Envelope, Frame, SessionRecord

ALICE, BOB, DEN = "alice@localhost", "bob@localhost", "den@conference.localhost"
GATEWAY = "gateway-1-ab"
OTHER = "gateway-2-cd"


class Logs:
    """A bus to write on. Everything is about message `m1` unless it is said otherwise."""

    def __init__(self) -> None:
        self.bus = MemoryBus(clock=time.time)
        self.accepted_us = time.time_ns() // 1000

    def frame(self, **fields: Any) -> Frame:
        to = fields.get("to", f"{BOB}/b")
        body = "<body>canary</body><origin-id xmlns='urn:xmpp:sid:0' id='origin-1'/>"
        stanza = f"<message from='{ALICE}/a' to='{to}' type='chat' id='m1'>{body}</message>"
        said: dict[str, Any] = {
            "kind": KIND_MESSAGE,
            "type": "chat",
            "sender": f"{ALICE}/a",
            "to": to,
            "id": "m1",
            "session": "sa",
            "inbound": 7,
            "accepted_us": self.accepted_us,
            "stanza": stanza.encode(),
        }
        return Frame(**{**said, **fields})

    def error(self, condition: str = "service-unavailable", **fields: Any) -> Frame:
        stanza = (
            f"<message type='error' id='m1' to='{ALICE}/a'><error type='cancel'>"
            f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
        said = {"type": "error", "session": "", "inbound": 0, "sessions": ["sa"], "stanza": stanza.encode()}
        return self.frame(**{**said, "sender": BOB, **fields})

    async def put(self, subject: str, *frames: Frame, source: str = "lane.0") -> int:
        return await self.bus.publish(subject, Envelope(source=source, frames=frames).SerializeToString())

    async def lane(self, *frames: Frame) -> int:
        return await self.put(subjects.lane(0), *frames, source=GATEWAY)

    async def delivery(self, frame: Frame, *, source: str = "lane.0", gateway: str = GATEWAY) -> int:
        return await self.put(subjects.deliver(gateway), frame, source=source)

    async def worked_off(self, log: str, entry: int) -> None:
        await Bucket(self.bus, subjects.POSITIONS).put(log, str(entry).encode())

    async def row(
        self, outcome: str, *, out: int, size: int, sender: str = ALICE, to: str = BOB, after: int = 900
    ) -> None:
        row = (self.accepted_us + after, 1, "chat", out, outcome, "", sender, to, size, after, "")
        await self.bus.publish(subjects.facts("x"), facts.encode([row], "x", 1))

    async def session(self, jid: str, session: str, gateway: str = GATEWAY) -> None:
        bare, _, resource = jid.partition("/")
        record = SessionRecord(session=session, gateway=gateway, jid=jid, available=True)
        key = f"{subjects.token(bare)}.{subjects.token(resource)}"
        await Bucket(self.bus, subjects.SESSIONS).put(key, record.SerializeToString())


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    made = Logs()
    for spec in subjects.streams(in_memory=True):
        await made.bus.ensure_stream(spec)
    yield made
    await made.bus.close()
