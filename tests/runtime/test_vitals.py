"""A loop that is held up is seen to be late; CPU and memory are what the system says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from natter.runtime import vitals
from natter.telemetry.names import LOOP_LAG, PROCESS_CPU, PROCESS_MEMORY


def late() -> int:
    """Ticks so far that came more than 50 ms late."""
    above = LOOP_LAG.bounds.index(0.05) + 1
    return sum(sum(row[above:]) for row in LOOP_LAG.counts.values())


async def test_a_blocked_loop_is_late(eventually: Callable[..., Awaitable[None]]) -> None:
    before = late()
    watching = asyncio.create_task(vitals.watch(0.01))
    await asyncio.sleep(0)
    # What nobody should do.
    time.sleep(0.2)
    await eventually(lambda: late() > before)
    watching.cancel()


def test_cpu_and_memory() -> None:
    vitals.measure_process()
    assert 0 < PROCESS_CPU.values[()] <= time.process_time()
    assert 10 << 20 < PROCESS_MEMORY.values[()] < 100 << 30
