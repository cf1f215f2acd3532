"""Messages are forgotten when they are old, or more than one account may keep: a little at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from natter.storage.archive import Archive
from natter.storage.database import DatabaseError
from natter.telemetry import names

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 3600.0
# Rows forgotten in one transaction: writers wait no longer than for that.
ROWS_AT_ONCE: Final = 2000
DAY_US: Final = 86_400_000_000


class Retention:
    """`days` 0 keeps for ever, `messages_max` 0 any number. `now_us` is the clock."""

    def __init__(self, archive: Archive, *, days: float, messages_max: int, now_us: Callable[[], int]) -> None:
        self._archive = archive
        self._days = days
        self._messages_max = messages_max
        self._now_us = now_us

    async def run(self) -> None:
        """For ever, once an hour."""
        while True:
            try:
                await self.once()
            except DatabaseError as error:
                log.warning("old messages could not be forgotten: %s", error)
            await asyncio.sleep(ROUND_SECONDS)

    async def once(self) -> int:
        """One round; how many were forgotten. Raises `DatabaseError`."""
        count = 0
        if self._days:
            # XEP-0313 §3.1.2: the oldest go, no holes.
            before_us = self._now_us() - int(self._days * DAY_US)
            while gone := await self._archive.forget_before(before_us, ROWS_AT_ONCE):
                count += gone
        if self._messages_max:
            for owner, position in (await self._archive.overfull(self._messages_max)).items():
                while gone := await self._archive.forget_until(owner, position, ROWS_AT_ONCE):
                    count += gone
        names.FORGOTTEN.add(by=count)
        return count
