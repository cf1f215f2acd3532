"""How far deliveries were written: forward only, and never past what still waits for a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import WrongRevision
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.gateway import position as module
from natter.gateway.outbox import Outbox
from natter.gateway.position import Position
from natter.gateway.session import Managed
from natter.gateway.unacked import Unacked
from natter.proto.v1 import bus_pb2


class World:
    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.taken = 0
        self.outbox: Any = Outbox(1000, 10)
        self.session: Any = SimpleNamespace(outbox=self.outbox, managed=None)
        self.position = Position(self.bus, "g-1", lambda: self.taken, lambda: [self.session])

    async def saved(self) -> bytes | None:
        found = await Bucket(self.bus, subjects.POSITIONS).get(subjects.delivered("g-1"))
        return found.value if found is not None else None


@pytest.fixture
async def world() -> World:
    made = World()
    await made.position.start()
    return made


async def test_it_stands_at_the_beginning_before_anything_was_delivered(world: World) -> None:
    assert await world.saved() == b"0"


async def test_it_moves_when_everything_was_written(world: World) -> None:
    world.taken = 7
    world.outbox.parts.append(b"<message/>")
    await world.position.save()
    assert await world.saved() == b"0"
    world.outbox.parts.clear()
    world.outbox.in_flight.append(object())
    await world.position.save()
    assert await world.saved() == b"0"
    world.outbox.in_flight.clear()
    await world.position.save()
    assert await world.saved() == b"7"


async def test_many_are_looked_at_in_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SESSIONS_PER_TURN_MAX", 2)
    looked: list[int] = []

    def sessions() -> Any:
        for number in range(5):
            looked.append(number)
            yield SimpleNamespace(outbox=Outbox(1000, 10), managed=None)

    world.position._sessions = sessions
    world.taken = 7
    saving = asyncio.create_task(world.position.save())
    await asyncio.sleep(0)
    # What comes from now on is not said to be written.
    world.taken = 9
    assert len(looked) == 5 and not saving.done() and await world.saved() == b"0"
    await saving
    assert await world.saved() == b"7"


async def test_who_counts_and_cannot_be_resumed_has_no_heir(world: World) -> None:
    world.taken = 7
    world.session.outbox = outbox = Unacked(1000, 10, 5)
    world.session.managed = Managed("", 0)
    outbox.add(b"<message/>", bus_pb2.Frame())
    await world.position.save()
    assert await world.saved() == b"0"
    outbox.take()
    outbox.stall()
    await world.position.save()
    assert await world.saved() == b"0"
    # What is written is written: an acknowledgement may take its time.
    outbox.room()
    await world.position.save()
    assert await world.saved() == b"7"
    # That of the others is read by who takes them over.
    world.taken = 8
    world.session.managed = Managed("x", 600)
    outbox.add(b"<message/>", bus_pb2.Frame())
    await world.position.save()
    assert await world.saved() == b"8"


async def test_it_goes_when_the_gateway_has_left_nothing(world: World) -> None:
    await world.position.stop()
    assert await world.saved() is None


async def test_who_was_taken_for_dead_finds_out_and_begins_again_when_all_was_handed_back(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.005)
    bucket, key = Bucket(world.bus, subjects.POSITIONS), subjects.delivered("g-1")
    revision = await bucket.put(key, subjects.TAKEN_FOR_DEAD + b"0")
    world.taken = 3
    with pytest.raises(WrongRevision):
        await world.position.save()
    running = asyncio.create_task(world.position.run())
    await asyncio.sleep(0.03)
    # Not before the janitor has finished.
    assert await world.saved() == subjects.TAKEN_FOR_DEAD + b"0"
    await bucket.delete(key, revision)
    await eventually(lambda: world.position.saved == 3)
    world.taken = 4
    await eventually(lambda: world.position.saved == 4)
    running.cancel()
    assert await world.saved() == b"4"


async def test_an_own_write_whose_answer_was_lost_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.005)
    bucket = Bucket(world.bus, subjects.POSITIONS)
    await bucket.put(subjects.delivered("g-1"), b"2")
    world.taken = 3
    running = asyncio.create_task(world.position.run())
    await eventually(lambda: world.position.saved == 3)
    running.cancel()
    assert await world.saved() == b"3"
