"""Records of dead gateways: removed in time, and never too early."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from natter.bus.api import Unavailable
from natter.bus.directory import Directory, Session
from natter.bus.memory import MemoryBus
from natter.bus.subjects import bucket_spec
from natter.presence.janitor import Janitor
from natter.proto.v1 import bus_pb2


@dataclass
class World:
    directory: Directory
    live: list[str] = field(default_factory=list)
    holds: bool = True
    now: float = 100.0
    away: bool = False
    left: set[str] = field(default_factory=set)
    handed_back: list[str] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)
    janitor: Janitor = field(init=False)

    def __post_init__(self) -> None:
        self.janitor = Janitor(
            self.directory,
            self.alive,
            lambda: self.holds,
            now=lambda: self.now,
            missing_seconds_min=2.0,
            start_seconds_min=6.0,
            left=self.left_by,
            hand_back=self.hand_back,
            end=self.end,
            removed=self.is_removed,
            clear=self.clear,
        )

    async def alive(self) -> list[str]:
        if self.away:
            raise Unavailable("away")
        return self.live

    async def left_by(self) -> set[str]:
        return self.left

    async def hand_back(self, gateway: str) -> int:
        self.left.discard(gateway)
        self.handed_back.append(gateway)
        return 1

    async def end(self, sessions: list[Session]) -> None:
        # Not before: what it has said stands in front of that, and is somebody's word.
        assert all(self.directory.by_session(session.session) for session in sessions)
        self.ended += [session.session for session in sessions]

    async def is_removed(self, session: Session) -> bool:
        self.asked.append(session.session)
        return session.session in self.removed

    async def clear(self, needed: set[str]) -> None:
        self.needed = needed

    async def at(self, now: float) -> set[str]:
        """Who has a session when it was looked at this time."""
        self.now = now
        await self.janitor.look()
        return {session.gateway for session in self.directory.all()}


@pytest.fixture
async def world() -> World:
    bus = MemoryBus()
    await bus.ensure_stream(bucket_spec("sessions"))
    directory = Directory(bus)
    await directory.start()
    for number, gateway in enumerate(["g1", "g1", "g2"]):
        record = bus_pb2.SessionRecord(session=f"s{number}", gateway=gateway, jid=f"u{number}@x/r")
        await directory.create(record)
    return World(directory, ["g1", "g2"])


async def test_a_gateway_that_is_missing_for_long_loses_its_sessions(world: World) -> None:
    assert await world.at(100) == {"g1", "g2"}
    assert await world.at(110) == {"g1", "g2"}
    world.live.remove("g1")
    assert await world.at(111) == {"g1", "g2"}
    assert await world.at(112.9) == {"g1", "g2"}
    assert not world.ended
    assert await world.at(113) == {"g2"}
    assert sorted(world.ended) == ["s0", "s1"]


async def test_one_that_is_seen_again_keeps_them(world: World) -> None:
    await world.at(100)
    world.live.remove("g1")
    await world.at(110)
    world.live.append("g1")
    await world.at(111)
    world.live.remove("g1")
    assert await world.at(112.5) == {"g1", "g2"}
    assert await world.at(113.5) == {"g1", "g2"}


async def test_nobody_is_removed_soon_after_the_start(world: World) -> None:
    world.live.clear()
    assert await world.at(100) == {"g1", "g2"}
    assert await world.at(105.9) == {"g1", "g2"}
    assert await world.at(106) == set()


async def test_after_an_outage_everybody_gets_the_time_again(world: World) -> None:
    await world.at(100)
    world.away = True
    running = asyncio.create_task(world.janitor.run(period_seconds=0.001))
    await asyncio.sleep(0.01)
    running.cancel()
    world.away = False
    world.live.clear()
    assert await world.at(200) == {"g1", "g2"}
    assert await world.at(206) == set()


async def test_only_the_holder_looks(world: World) -> None:
    world.live.clear()
    world.holds = False
    for now in (100, 120, 140):
        assert await world.at(now) == {"g1", "g2"}
    world.holds = True
    assert await world.at(150) == {"g1", "g2"}
    assert await world.at(156) == set()


async def test_what_can_be_resumed_is_left_to_the_gateways_that_live(world: World) -> None:
    record = bus_pb2.SessionRecord(session="s9", gateway="g1", jid="u9@x/r", resumption="some hash", resume_seconds=600)
    await world.directory.create(record)
    await world.at(100)
    world.live.remove("g1")
    await world.at(110)
    assert await world.at(113) == {"g1", "g2"}
    assert [s.session for s in world.directory.all() if s.gateway == "g1"] == ["s9"]
    assert await world.at(769) == {"g1", "g2"}
    assert await world.at(771) == {"g2"}


async def test_what_a_dead_gateway_has_left_is_handed_back_after_its_sessions_are_gone(world: World) -> None:
    world.left = {"g1", "g2", "g0"}
    await world.at(100)
    await world.at(110)
    world.live.remove("g1")
    await world.at(111)
    assert world.handed_back == ["g0"]
    assert await world.at(113) == {"g2"}
    assert world.handed_back == ["g0"]
    await world.at(114)
    assert world.handed_back == ["g0", "g1"]


async def test_a_removed_account_has_no_session_that_waits_for_an_heir(world: World) -> None:
    for number in range(3):
        found = world.directory.by_session(f"s{number}")
        assert found is not None
        await world.directory.update(found, resumption=f"id{number}", resume_seconds=600)
    world.removed = {"s1"}
    await world.at(100)
    world.live.remove("g1")
    await world.at(110)
    assert world.asked == []
    await world.at(113)
    assert sorted(s.session for s in world.directory.all()) == ["s0", "s2"]
    await world.at(114)
    # Once of each; g2 lives.
    assert sorted(world.asked) == ["s0", "s1"]


async def test_logs_are_cleared_but_of_those_whom_somebody_needs(world: World) -> None:
    world.left = {"g9"}
    world.live.remove("g2")
    await world.at(100)
    assert world.needed == set()
    await world.at(107)
    assert world.needed == {"g1", "g2", "g9"}
    await world.at(108)
    # Its sessions have gone and it is handed back.
    assert world.needed == {"g1"}
