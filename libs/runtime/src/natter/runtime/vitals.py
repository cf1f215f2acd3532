"""What every process says of itself: how late its event loop is, its CPU time, its memory."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from natter.telemetry.names import LOOP_LAG, PROCESS_CPU, PROCESS_MEMORY

SECONDS = 0.25
# Looked at once in so many ticks.
PROCESS_TICKS = 20


async def watch(seconds: float = SECONDS) -> None:
    """Measure until cancelled: a timer that is due comes when the loop gets to it."""
    loop = asyncio.get_running_loop()
    tick = 0
    while True:
        if tick % PROCESS_TICKS == 0:
            measure_process()
        tick += 1
        due = loop.time() + seconds
        await asyncio.sleep(seconds)
        LOOP_LAG.record(max(0.0, loop.time() - due))


def measure_process() -> None:
    """CPU time and resident memory, now. Memory only where there is /proc."""
    PROCESS_CPU.values[()] = time.process_time()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return
    PROCESS_MEMORY.set(pages * os.sysconf("SC_PAGE_SIZE"))
