"""How far ClickHouse is behind the bus: told while all is well, and above all while it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from natter.bus.api import Bus, BusError
from natter.bus.subjects import FACTS
from natter.telemetry import names

LOOK_SECONDS = 5.0


async def measure(bus: Bus, position: int) -> None:
    """Batches behind `position` that the bus still has: what it has forgotten does not wait any more."""
    used = await bus.usage(FACTS)
    names.ROWS_WAITING.set(max(0, used.last_sequence - max(position, used.first_sequence - 1)))


async def watch(bus: Bus, position: Callable[[], int | None], seconds: float = LOOK_SECONDS) -> None:
    """Measure until cancelled. Nothing is said before the position is known; without the bus the last word stays."""
    while True:
        if (reached := position()) is not None:
            try:
                await measure(bus, reached)
            except BusError:
                pass
        await asyncio.sleep(seconds)
