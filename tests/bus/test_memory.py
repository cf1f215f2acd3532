"""What only the in-memory bus has: outages on command. The rest is test_behaviour.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from natter.bus.api import Entry, StreamSpec, Unavailable
from natter.bus.memory import MemoryBus


async def test_outage(eventually: Callable[..., Awaitable[None]]) -> None:
    bus = MemoryBus()
    await bus.ensure_stream(StreamSpec("LOG", ("log.>",), 1 << 20))
    got: list[Entry] = []
    await bus.subscribe("LOG", ["log.>"], got.append)
    await bus.publish("log.a", b"")
    bus.disconnect()
    assert not bus.connected()
    with pytest.raises(Unavailable):
        await bus.publish("log.a", b"")
    with pytest.raises(Unavailable):
        await bus.last("LOG", "log.a")
    with pytest.raises(Unavailable):
        await bus.request("log.a", b"")
    assert got == []
    bus.reconnect()
    await bus.publish("log.a", b"")
    await eventually(lambda: len(got) == 2)


async def test_clock_is_an_argument() -> None:
    now = [0.0]
    bus = MemoryBus(clock=lambda: now[0])
    await bus.ensure_stream(StreamSpec("LOG", ("log.>",), 1 << 20, age_seconds_max=2.0))
    await bus.publish("log.a", b"")
    now[0] = 2.5
    assert await bus.read("LOG", "log.a") == []
