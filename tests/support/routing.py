"""A router's lane on a bus in memory, and the desk that tells where what it was given has gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from natter.accounts.where.desk import Desk
from natter.accounts.where.logs import Logs
from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.directory import Directory, Session
from natter.bus.facts import FactsWriter
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Envelope, Frame, SessionRecord
from natter.proto.v1.where_pb2 import Whereabouts
from natter.router.handlers import Lane, Office
from natter.router.pipeline import ANSWERS, FEATURES, ORDERS
from natter.router.question import Server
from natter.router.route.view import Hosts
from natter.router.subjects import Subjects
from natter.xmpp.traits import Trait

ALICE, BOB = "alice@localhost", "bob@localhost"


class Routing:
    """One lane. `blocked`: pairs of a bare JID and whom it has blocked."""

    def __init__(self, *, offline: bool = True, archive: bool = False) -> None:
        self.bus = MemoryBus(clock=time.time)
        self.blocked: set[tuple[str, str]] = set()
        self.numbers = count(1)
        self.hosts = Hosts(
            "localhost",
            "conference.localhost",
            frozenset(ANSWERS),
            frozenset(ORDERS),
            archive=archive,
            offline=offline,
            blocks=lambda who, whom: (who, whom.partition("/")[0]) in self.blocked,
        )

    async def start(self) -> None:
        for spec in subjects.streams(in_memory=True):
            await self.bus.ensure_stream(spec)
        self.directory = Directory(self.bus)
        await self.directory.start()
        self.facts = FactsWriter(self.bus, "router-1")
        self.office = Office(
            directory=self.directory,
            hosts=self.hosts,
            server=Server("localhost", "conference.localhost", "1", 0, features=FEATURES),
            subjects=Subjects(1, 1),
            facts=self.facts,
            now_us=now_us,
            waiting_bytes_max=1 << 20,
        )
        self.progress = Progress(0)
        self.lane = Lane(self.office, Senders(self.bus, "lane.0", "router-1"), self.progress)

    async def close(self) -> None:
        await self.lane.close()
        await self.directory.stop()
        await self.facts.close()
        await self.bus.close()

    async def bind(self, jid: str, *, gateway: str = "g1", priority: int = 0, **record: Any) -> Session:
        made = SessionRecord(
            session=f"s-{jid}", gateway=gateway, jid=jid, available=True, priority=priority, bound_us=1, **record
        )
        session = await self.directory.create(made)
        await until(lambda: self.directory.get(jid) is not None)
        return session

    def message(self, id: str, to: str, type: str = "chat", *, inside: str = "<body>b</body>", **fields: Any) -> Frame:
        """What alice's gateway puts into the lane."""
        sender = fields.pop("sender", f"{ALICE}/a")
        said: dict[str, Any] = {
            "kind": KIND_MESSAGE,
            "type": type,
            "sender": sender,
            "to": to,
            "id": id,
            "session": f"s-{sender}",
            "inbound": next(self.numbers),
            "accepted_us": now_us(),
            "traits": int(Trait.BODY),
            "stanza": f"<message from='{sender}' to='{to}' type='{type}' id='{id}'>{inside}</message>".encode(),
        }
        return Frame(**{**said, **fields})

    async def route(self, *frames: Frame, source: str = "g1") -> list[Frame]:
        """Through the lane, one entry each; what gateways are given of it."""
        before = await self.bus.last_sequence(subjects.DELIVERIES)
        for frame in frames:
            payload = Envelope(source=source, frames=[frame]).SerializeToString()
            sequence = await self.bus.publish(subjects.lane(0), payload)
            self.lane.take(Entry(subjects.lane(0), sequence, payload))
            await until(lambda wanted=sequence: self.progress.position >= wanted)  # type: ignore[misc]
            await Bucket(self.bus, subjects.POSITIONS).put("lane.0", str(sequence).encode())
        entries = await self.bus.read(subjects.DELIVERIES, "natter.deliver.*", after=before)
        return [frame for entry in entries for frame in Envelope.FromString(entry.payload).frames]

    async def where(self, id: str) -> Whereabouts:
        """What an operator is told of the message, a minute later."""
        await self.facts.close()
        reply = await Desk(Logs(self.bus), lambda: now_us() + 60_000_000).answer(id)
        return reply.found[0]


async def until(true: Callable[[], bool], seconds_max: float = 30.0) -> None:
    """Wait for something that other tasks do."""
    async with asyncio.timeout(seconds_max):
        while not true():
            await asyncio.sleep(0.002)


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
