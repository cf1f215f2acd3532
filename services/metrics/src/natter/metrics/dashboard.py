"""What the dashboard page draws: activity from ClickHouse, sessions as the gateways tell, both kept for a moment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from natter.bus.api import BusError
from natter.storage.activity import activity, step_of
from natter.storage.aggregates import USERS_MIN
from natter.storage.clickhouse import ClickHouse, StorageError

KEPT_SECONDS = 5.0
# One hour, for the chart of sessions; ClickHouse knows stanzas only.
SAMPLE_SECONDS = 10.0
SAMPLES_MAX = 360
MINUTES = (60, 360, 1440, 10080, 43200)

Told = Callable[[], Awaitable[dict[str, bytes]]]


@dataclass(slots=True)
class Sessions:
    """How many sessions there were, as gateways tell. `told` gives what each live one told last."""

    told: Told
    now: Callable[[], datetime]
    samples: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def sample(self) -> None:
        """Look once. Nothing is added while the bus is away."""
        try:
            told = await self.told()
        except BusError:
            return
        count = sum(int(raw) for raw in told.values() if raw.isdigit())
        self.samples.append({"at": self.now().isoformat(), "sessions": count, "gateways": len(told)})


@dataclass(slots=True)
class Dashboard:
    """The document of /api/activity. `now` gives the time, in UTC."""

    clickhouse: Callable[[], ClickHouse | None]
    now: Callable[[], datetime]
    sessions: Sessions
    domain: str
    failing: Callable[[], bool]
    _kept: dict[int, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def document(self, minutes: int) -> dict[str, Any]:
        """Of the last `minutes`, one of MINUTES. Raises StorageError."""
        async with self._lock:
            now = self.now()
            asked, found = self._kept.get(minutes, (None, {}))
            if asked is None or (now - asked).total_seconds() >= KEPT_SECONDS:
                found = await self._ask(minutes, now)
                self._kept[minutes] = (now, found)
        return {**found, "sessions": list(self.sessions.samples), "failing": self.failing()}

    async def _ask(self, minutes: int, now: datetime) -> dict[str, Any]:
        clickhouse = self.clickhouse()
        if clickhouse is None:
            raise StorageError("ClickHouse is not open yet")
        step = step_of(minutes)
        until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        since = until - timedelta(minutes=minutes)
        return {
            "domain": self.domain,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "step_minutes": step,
            # The newest point to which nothing will be added: the rate of now.
            "complete": last_complete(now, step).isoformat(),
            "users_min": USERS_MIN,
            **await activity(clickhouse, since=since, until=until),
        }


def last_complete(now: datetime, step: int) -> datetime:
    """Where the newest point begins that is surely over: rows come up to some seconds late."""
    seconds = step * 60
    current = int(now.timestamp() - 15) // seconds * seconds
    return datetime.fromtimestamp(current - seconds, now.tzinfo)
