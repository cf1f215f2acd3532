"""Turns for setting up connections: at once while few come, in portions when many do, fewer when the loop is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
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
def world() -> World:
    return World()


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
    came = knock(world, 20)
    assert came == list(range(int(SAVED_MAX)))
    world.tick(100)
    assert came == list(range(20))
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


def test_who_has_got_in_goes_before_who_is_outside(world: World) -> None:
    outside = knock(world, 10)
    inside: list[str] = []
    for name in ("first", "second"):
        world.gate.go_on(lambda name=name: inside.append(name))  # type: ignore[misc]
    while len(inside) < 2:
        assert len(outside) == SAVED_MAX
        world.tick()
    world.tick(100)
    assert inside == ["first", "second"] and outside == list(range(10))


async def test_turns_are_waited_for_outside_and_who_has_gone_hears_nothing(world: World) -> None:
    came = knock(world, int(SAVED_MAX) + 1)
    one, gone, other = [asyncio.create_task(world.gate.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    world.tick(100)
    await asyncio.gather(one, other)
    assert len(came) == SAVED_MAX + 1 and world.timers == []


async def test_without_a_bound_everybody_comes_in() -> None:
    gate = Gate(0.0, lambda: 0.0, lambda *_: None)
    assert all(gate.free() for _ in range(10_000))
    await gate.turn()


def test_the_less_late_it_may_be_the_slower_the_pace_rises(world: World) -> None:
    world.gate.lag_seconds_max = LAG / 2
    knock(world, 10_000)
    world.tick(100)
    assert world.gate.pace == pytest.approx(PACE_START + 50)
