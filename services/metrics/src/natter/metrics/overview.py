"""What is asked of ClickHouse for the page and its JSON, kept for a moment: asking often costs inserts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from natter.storage.aggregates import Group, Minute, groups, minutes
from natter.storage.clickhouse import ClickHouse, StorageError

KEPT_SECONDS = 2.0
ANSWERS_KEPT_MAX = 16
MINUTES_MAX = 60 * 24 * 30


@dataclass(frozen=True, slots=True)
class Overview:
    """Sums between two whole minutes."""

    since: datetime
    until: datetime
    groups: Sequence[Group]
    minutes: Sequence[Minute]

    def last_minute(self, direction: str) -> int:
        """Stanzas of the last minute that is over."""
        minute = self.until - timedelta(minutes=2)
        return sum(m.stanzas for m in self.minutes if m.direction == direction and m.minute == minute)


@dataclass(slots=True)
class Overviews:
    """Asks, and remembers for two seconds. `now` gives the time, in UTC."""

    clickhouse: Callable[[], ClickHouse | None]
    now: Callable[[], datetime]
    _kept: dict[int, Overview] = field(default_factory=dict)
    _asked: dict[int, datetime] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def last(self, count: int) -> Overview:
        """The last `count` minutes, the current one included. Raises StorageError."""
        async with self._lock:
            now = self.now()
            asked = self._asked.get(count)
            if asked is not None and (now - asked).total_seconds() < KEPT_SECONDS:
                return self._kept[count]
            clickhouse = self.clickhouse()
            if clickhouse is None:
                raise StorageError("ClickHouse is not open yet")
            until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            since = until - timedelta(minutes=count)
            found = Overview(
                since,
                until,
                await groups(clickhouse, since=since, until=until),
                await minutes(clickhouse, since=since, until=until),
            )
            if len(self._kept) >= ANSWERS_KEPT_MAX:
                self._kept.clear()
                self._asked.clear()
            self._kept[count], self._asked[count] = found, now
            return found
