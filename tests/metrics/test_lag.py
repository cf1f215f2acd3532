"""What waits for ClickHouse is counted, also while nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from natter.bus.api import Bus, Usage
from natter.bus.memory import MemoryBus
from natter.bus.subjects import FACTS
from natter.metrics import lag
from natter.telemetry import names

Eventually = Callable[..., Awaitable[None]]


async def test_what_is_behind_the_position_waits(bus: Bus) -> None:
    await lag.measure(bus, 0)
    assert names.ROWS_WAITING.values[()] == 0
    for i in range(5):
        await bus.publish("natter.facts.g", b"x", msg_id=f"lag{i}")
    last = await bus.last_sequence(FACTS)
    for position, waiting in ((last - 5, 5), (last - 2, 2), (last, 0), (last + 9, 0)):
        await lag.measure(bus, position)
        assert names.ROWS_WAITING.values[()] == waiting


async def test_what_was_forgotten_waits_no_more() -> None:
    bus = MemoryBus()

    async def usage(stream: str) -> Usage:
        assert stream == FACTS
        return Usage(0, 1, 91, 100)

    bus.usage = usage  # type: ignore[method-assign]
    await lag.measure(bus, 3)
    assert names.ROWS_WAITING.values[()] == 10


async def test_it_is_said_while_nothing_moves(bus: Bus, eventually: Eventually) -> None:
    names.ROWS_WAITING.values.clear()
    position: int | None = None
    watching = asyncio.create_task(lag.watch(bus, lambda: position, 0.005))
    await bus.publish("natter.facts.g", b"x", msg_id="still0")
    assert () not in names.ROWS_WAITING.values
    position = await bus.last_sequence(FACTS)
    for i in range(1, 4):
        await bus.publish("natter.facts.g", b"x", msg_id=f"still{i}")
    await eventually(lambda: names.ROWS_WAITING.values.get(()) == 3, 30)
    watching.cancel()
