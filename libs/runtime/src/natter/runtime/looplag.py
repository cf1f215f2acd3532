"""How late the event loop is: what a callback that takes too long, or a machine that is too busy, does to everybody."""

from __future__ import annotations

import asyncio

from natter.telemetry.names import LOOP_LAG

SECONDS = 0.25


async def watch(seconds: float = SECONDS) -> None:
    """Measure until cancelled: a timer that is due comes when the loop gets to it."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + seconds
        await asyncio.sleep(seconds)
        LOOP_LAG.record(max(0.0, loop.time() - due))
