"""The database at the start: whoever is first waits for the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from natter.storage.database import Database, DatabaseError
from natter.telemetry.names import LOG_ARCHIVE_FAILED

RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 3.0


async def opened(
    database: Database, *, search: bool, say: Callable[..., None], meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Open it, however long that takes; said once, and then `meanwhile` is called. A service is not ready before."""
    pause = RETRY_SECONDS_MIN
    told = False
    while True:
        try:
            await database.open(search=search)
            return
        except DatabaseError as error:
            if not told:
                told = True
                say("%s: %s", LOG_ARCHIVE_FAILED, error)
                await meanwhile()
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(RETRY_SECONDS_MAX, pause * 2)
