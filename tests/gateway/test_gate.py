"""Turns for setting up connections: at once while few come, in portions when many do, fewer when the loop is late."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest
from natter.gateway import gate as module
from natter.gateway.gate import PACE_MAX, PACE_MIN, PACE_START, SAVED_MAX, TICK_SECONDS, Gate
from natter.telemetry.names import SETUP_PACE

LAG = 0.002


class World:
    """A clock that ticks when told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Callable[[], None]] = []
        self.gate = Gate(LAG, lambda: self.now, lambda _, call: self.timers.append(call))

    def tick(self, count: int = 1, *, late: float = 0.0) -> None:
        for _ in range(count):
            self.now += TICK_SECONDS + late
            timers, self.timers = self.timers, []
            for call in timers:
                call()


@pytest.fixture
def world() -> Iterator[World]:
    before = gc.get_threshold()
    yield World()
    gc.set_threshold(*before)


def knock(world: World, count: int) -> list[int]:
    """So many stand at the door; who has come in."""
    came: list[int] = []
    for number in range(count):
        if world.gate.free():
            came.append(number)
        else:
            world.gate.when_free(lambda number=number: came.append(number))  # type: ignore[misc]
    return came


def test_a_few_come_in_at_once_and_the_others_in_order(world: World) -> None:
    came = knock(world, 10)
    assert came == list(range(int(SAVED_MAX)))
    world.tick(100)
    assert came == list(range(10))
    # Nobody is left: the clock stands still.
    assert world.timers == []


def test_the_pace_rises_while_ticks_come_in_time_and_falls_with_each_that_is_late(world: World) -> None:
    knock(world, 10_000)
    world.tick(100)
    assert world.gate.pace == pytest.approx(PACE_START + 100)
    assert SETUP_PACE.values[()] == int(world.gate.pace)
    before = world.gate.pace
    world.tick(2, late=2 * LAG)
    assert world.gate.pace == pytest.approx(before * 0.81)
    world.tick(200, late=2 * LAG)
    assert world.gate.pace == PACE_MIN
    # Somebody gets in all the same.
    came = knock(world, 1)
    world.gate._doors.rotate(1)
    world.tick(200, late=2 * LAG)
    assert came == [0]


def test_no_more_than_a_portion_in_one_tick(world: World) -> None:
    came = knock(world, 10_000)
    world.gate.pace = PACE_MAX
    world.tick(late=100.0)
    assert len(came) <= 2 * SAVED_MAX


async def test_who_has_got_in_goes_before_who_is_outside(world: World) -> None:
    came = knock(world, 6)
    inside = asyncio.create_task(world.gate.turn())
    gone = asyncio.create_task(world.gate.turn())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    while not inside.done():
        assert len(came) == SAVED_MAX
        world.tick()
        await asyncio.sleep(0)
    world.tick(100)
    # Who has gone took no turn.
    assert came == list(range(6))


async def test_without_a_bound_everybody_comes_in() -> None:
    gate = Gate(0.0, lambda: 0.0, lambda *_: None)
    assert all(gate.free() for _ in range(10_000))
    await gate.turn()


def test_the_collector_takes_small_portions_while_people_come_in(world: World) -> None:
    gc.set_threshold(20_000, 20, 20)
    knock(world, 10)
    assert gc.get_threshold() == module.RUSH_OBJECTS
    world.tick(100)
    assert gc.get_threshold() == (20_000, 20, 20)
