"""Sessions that leave without a word."""

from __future__ import annotations

import asyncio
from typing import Any

from natter.bus.directory import Directory
from natter.bus.memory import MemoryBus
from natter.bus.subjects import bucket_spec, shard_of
from natter.presence.departures import Departures
from natter.presence.model.user import Session
from natter.proto.v1 import bus_pb2

JID = "a@x/r"


class Worker:
    """Remembers who was let go."""

    def __init__(self, *sessions: Session) -> None:
        self.known = {session.jid: session for session in sessions}
        self.gone = asyncio.Event()
        self.vanished: list[Session] = []

    def session(self, full: str) -> Session | None:
        return self.known.get(full)

    def sessions(self) -> list[Session]:
        return list(self.known.values())

    def vanish(self, session: Session) -> None:
        self.vanished.append(session)
        self.gone.set()


async def directory() -> Directory:
    bus = MemoryBus()
    await bus.ensure_stream(bucket_spec("sessions"))
    made = Directory(bus)
    await made.start()
    return made


async def test_a_deleted_session_leaves_after_the_grace() -> None:
    there = await directory()
    worker: Any = Worker(Session(JID, "s1", b"<presence/>"))
    Departures(there, {shard_of("a@x", 4): worker}, shards=4, grace_seconds=0.01)
    session = await there.create(bus_pb2.SessionRecord(session="s1", gateway="g", jid=JID))
    await there.delete(session)
    await asyncio.wait_for(worker.gone.wait(), 5)
    assert [s.session for s in worker.vanished] == ["s1"]


async def test_whoever_said_goodbye_is_not_let_go_again() -> None:
    there = await directory()
    worker: Any = Worker(Session(JID, "s2", b"<presence/>"))
    departures = Departures(there, {shard_of("a@x", 4): worker}, shards=4, grace_seconds=0.0)
    # s1 is no more known; s2 took the resource over.
    departures.absent(Session(JID, "s1"))
    await asyncio.sleep(0.02)
    assert worker.vanished == []


async def test_a_session_that_came_back_into_the_directory_stays() -> None:
    there = await directory()
    worker: Any = Worker(Session(JID, "s1", b"<presence/>"))
    departures = Departures(there, {shard_of("a@x", 4): worker}, shards=4, grace_seconds=0.0)
    departures.look(worker)
    await there.create(bus_pb2.SessionRecord(session="s1", gateway="g", jid=JID))
    await asyncio.sleep(0.02)
    assert worker.vanished == []


async def test_what_is_held_elsewhere_is_not_our_business() -> None:
    there = await directory()
    departures = Departures(there, {}, shards=4, grace_seconds=0.0)
    departures.absent(Session(JID, "s1"))
    await asyncio.sleep(0.02)
