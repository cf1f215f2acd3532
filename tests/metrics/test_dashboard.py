"""The document of /api/activity: sessions as gateways tell them, the rest from ClickHouse, asked now and then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from natter.bus.api import Unavailable
from natter.metrics import dashboard as module
from natter.metrics.dashboard import SAMPLES_MAX, Dashboard, Sessions, last_complete
from natter.storage.clickhouse import StorageError

NOW = datetime(2026, 3, 4, 5, 6, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_sessions_are_what_gateways_told() -> None:
    clock = Clock()
    told = {"gateway-1-00000000": b"40", "gateway-2-00000000": b"2", "gateway-0-00000000": b""}

    async def ask() -> dict[str, bytes]:
        if not told:
            raise Unavailable("away")
        return told

    sessions = Sessions(ask, clock)
    await sessions.sample()
    assert list(sessions.samples) == [{"at": NOW.isoformat(), "sessions": 42, "gateways": 3}]
    for _ in range(SAMPLES_MAX + 5):
        await sessions.sample()
    assert len(sessions.samples) == SAMPLES_MAX
    told.clear()
    before = list(sessions.samples)
    await sessions.sample()
    assert list(sessions.samples) == before


async def test_it_is_asked_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[datetime, datetime]] = []

    async def activity(clickhouse: Any, *, since: datetime, until: datetime) -> dict[str, list[Any]]:
        asked.append((since, until))
        return {"rates": [], "rooms": []}

    monkeypatch.setattr(module, "activity", activity)
    clock = Clock()
    there: list[Any] = [object()]

    async def nobody() -> dict[str, bytes]:
        return {}

    found = Dashboard(lambda: there[0], clock, Sessions(nobody, clock), "example.org", lambda: True)
    document = await found.document(60)
    assert document["since"] == "2026-03-04T04:07:00+00:00" and document["until"] == "2026-03-04T05:07:00+00:00"
    assert (document["domain"], document["failing"], document["step_minutes"]) == ("example.org", True, 1)
    await found.document(60)
    assert len(asked) == 1
    await found.document(360)
    assert len(asked) == 2
    clock.now += timedelta(seconds=6)
    await found.document(60)
    assert len(asked) == 3
    clock.now += timedelta(seconds=6)
    there[0] = None
    with pytest.raises(StorageError):
        await found.document(60)


def test_the_newest_point_that_is_over() -> None:
    assert last_complete(NOW, 1) == datetime(2026, 3, 4, 5, 5, tzinfo=UTC)
    # Rows come late: the minute before is not over yet.
    assert last_complete(NOW.replace(second=5), 1) == datetime(2026, 3, 4, 5, 4, tzinfo=UTC)
    assert last_complete(NOW, 4) == datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
