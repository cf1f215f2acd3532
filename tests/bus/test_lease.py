"""Leases on both backends."""

from __future__ import annotations

import asyncio

from natter.bus.api import Bus
from natter.bus.lease import Leases, Refreshed
from natter.bus.memory import MemoryBus

SECONDS = 2.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def started(bus: Bus, instance: str, seconds: float = SECONDS) -> Leases:
    leases = Leases(bus, instance, seconds=seconds)
    await leases.start()
    return leases


async def test_one_holder(bus: Bus) -> None:
    one, other = await started(bus, "router-1"), await started(bus, "router-2")
    assert await one.acquire("lane.0")
    assert not await other.acquire("lane.0")
    assert await other.acquire("lane.1")
    assert await one.owners("lane") == {"lane.0": "router-1", "lane.1": "router-2"}
    assert list(one.held) == ["lane.0"]


async def test_released_lease_is_free_at_once(bus: Bus) -> None:
    one, other = await started(bus, "router-1"), await started(bus, "router-2")
    await one.acquire("lane.0")
    await one.release("lane.0")
    assert await one.owners("lane") == {}
    assert one.deadline("lane.0") == 0.0
    assert await other.acquire("lane.0")
    assert not await one.acquire("lane.0")


async def test_own_lease_is_retaken_after_a_restart(bus: Bus) -> None:
    before, after = await started(bus, "router-1"), await started(bus, "router-1")
    assert await before.acquire("lane.0")
    assert await after.acquire("lane.0")
    assert await before.refresh() == Refreshed(lost=("lane.0",))
    assert not before.held
    assert await after.refresh() == Refreshed()


async def test_lease_runs_out_unless_refreshed(bus: Bus) -> None:
    one, other = await started(bus, "router-1"), await started(bus, "router-2")
    await one.acquire("lane.0")
    await one.acquire("lane.1")
    end = asyncio.get_running_loop().time() + 3 * SECONDS
    while not await other.acquire("lane.1"):
        assert asyncio.get_running_loop().time() < end
        # Only lane.0 is kept.
        one._held = {"lane.0": one._held["lane.0"]}
        assert await one.refresh() == Refreshed()
        assert not await other.acquire("lane.0")
        await asyncio.sleep(0.1)


async def test_deadline_moves_with_every_refresh(bus: Bus) -> None:
    one = await started(bus, "router-1")
    now = asyncio.get_running_loop().time()
    await one.acquire("lane.0")
    first = one.deadline("lane.0")
    assert now + SECONDS <= first <= now + SECONDS + 1
    await one.refresh()
    assert one.deadline("lane.0") > first


async def test_outage_keeps_the_lease_but_not_the_deadline() -> None:
    bus = MemoryBus()
    one = await started(bus, "router-1")
    await one.acquire("lane.0")
    deadline = one.deadline("lane.0")
    bus.disconnect()
    assert await one.refresh() == Refreshed()
    assert one.deadline("lane.0") == deadline
    bus.reconnect()
    assert await one.refresh() == Refreshed()
    assert one.deadline("lane.0") > deadline


async def test_lease_that_ran_out_is_regained_when_nobody_has_it() -> None:
    clock = Clock()
    bus = MemoryBus(clock=clock)
    one = await started(bus, "router-1")
    await one.acquire("lane.0")
    clock.now += 3 * SECONDS
    assert await one.refresh() == Refreshed(regained=("lane.0",))
    assert await one.refresh() == Refreshed()


async def test_lease_that_ran_out_is_lost_when_somebody_has_it() -> None:
    clock = Clock()
    bus = MemoryBus(clock=clock)
    one, other = await started(bus, "router-1"), await started(bus, "router-2")
    await one.acquire("lane.0")
    clock.now += 3 * SECONDS
    assert await other.acquire("lane.0")
    assert await one.refresh() == Refreshed(lost=("lane.0",))
