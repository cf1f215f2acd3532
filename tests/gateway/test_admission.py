"""Logins in turns: at once while few come, evenly when many do, refused when the wait would be too long."""

from __future__ import annotations

import asyncio

import pytest
from natter.gateway import admission as module
from natter.gateway.admission import Admission
from natter.telemetry.names import LOGINS_WAITING


class World:
    """A clock that waits add to, all at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.gateways = 1
        self.gate = asyncio.Event()
        monkeypatch.setattr(module.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        await self.gate.wait()

    def admission(self, per_second: float, fleet: float = 0.0, wait: float = 20.0) -> Admission:
        return Admission(per_second, fleet, wait, gateways=lambda: self.gateways, now=lambda: self.now)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def come(admission: Admission, count: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(admission.turn()) for _ in range(count)]
    for _ in range(count + 2):
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    return tasks


async def test_a_moments_worth_comes_at_once_and_the_others_in_turn(world: World) -> None:
    admission = world.admission(100)
    tasks = await come(admission, 14)
    assert sum(task.done() for task in tasks) == 10
    assert world.waits == [0.01, 0.02, 0.03, 0.04]
    assert LOGINS_WAITING.values[()] == 4
    world.gate.set()
    assert await asyncio.gather(*tasks) == [True] * 14
    assert LOGINS_WAITING.values[()] == 0
    # Later, nobody waits: what was given out has grown back.
    world.now += 5.0
    assert all([await admission.turn() for _ in range(10)])
    assert len(world.waits) == 4
    # One comes at once, however slow the pace.
    assert await world.admission(1).turn()
    assert len(world.waits) == 4


async def test_who_would_wait_too_long_is_refused_and_takes_nobodys_turn(world: World) -> None:
    admission = world.admission(10, wait=0.25)
    tasks = await come(admission, 20)
    world.gate.set()
    assert sum(await asyncio.gather(*tasks)) == 3
    assert world.waits == [0.1, 0.2]
    world.now += 0.2
    assert await admission.turn()


async def test_the_fleets_pace_is_shared_by_those_that_live(world: World) -> None:
    admission = world.admission(100, fleet=100)
    assert admission.pace() == 100
    world.gateways = 4
    assert admission.pace() == 25
    assert world.admission(0, fleet=100).pace() == 25
    world.gateways = 0
    assert admission.pace() == 100


async def test_without_a_bound_nobody_waits(world: World) -> None:
    admission = world.admission(0)
    assert all([await admission.turn() for _ in range(10_000)])
    assert world.waits == []
