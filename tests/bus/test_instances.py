"""Who is alive, on both backends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, Unavailable
from natter.bus.instances import Instances, alive
from natter.bus.kv import bucket_spec
from natter.bus.memory import MemoryBus


async def test_come_and_go(bus: Bus, eventually: Callable[..., Awaitable[None]]) -> None:
    one, other = Instances(bus, "router", "router-1"), Instances(bus, "router", "router-2")
    gateway = Instances(bus, "gateway", "gateway-1-0badcafe")
    await one.start()
    assert one.live() == ["router-1"]
    await other.start()
    await gateway.start()
    assert other.live() == ["router-1", "router-2"]
    await eventually(lambda: one.live() == ["router-1", "router-2"])
    assert await alive(bus, "gateway") == ["gateway-1-0badcafe"]
    await other.stop()
    await other.stop()
    await eventually(lambda: one.live() == ["router-1"])
    await one.stop()
    await gateway.stop()
    assert await alive(bus, "router") == []


async def test_the_dead_are_forgotten(bus: Bus) -> None:
    dead = Instances(bus, "router", "router-1", seconds=1.0)
    live = Instances(bus, "router", "router-2", seconds=1.0)
    await bus.ensure_stream(bucket_spec("instances", age_seconds=1.0, in_memory=True))
    await dead.start()
    await live.start()
    assert dead._task is not None
    dead._task.cancel()

    async def look() -> None:
        while await alive(bus, "router") != ["router-2"]:
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 6)
    await live.stop()


async def test_an_outage_is_survived(eventually: Callable[..., Awaitable[None]]) -> None:
    bus = MemoryBus()
    instances = Instances(bus, "router", "router-1", seconds=0.2)
    await instances.start()
    bus.disconnect()
    await asyncio.sleep(0.1)
    bus.reconnect()
    revision = await bus.last_sequence("KV_instances")

    async def look() -> None:
        while await bus.last_sequence("KV_instances") == revision:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 2)
    await instances.stop()


async def test_over_a_gap_it_learns_before_it_is_sure_again() -> None:
    instances = Instances(MemoryBus(), "gateway", "gateway-1")
    await instances.start()
    asked = 0

    async def learn() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Unavailable("the watch lags")

    instances.on_gap = learn
    await instances._renew()
    assert not asked
    instances.renewed_at -= subjects.INSTANCE_SECONDS
    before = instances.renewed_at
    with pytest.raises(Unavailable):
        await instances._renew()
    assert (asked, instances.renewed_at) == (1, before)
    await instances._renew()
    assert asked == 2 and instances.renewed_at > before + subjects.INSTANCE_SECONDS
    await instances.stop()
