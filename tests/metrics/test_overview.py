"""What is asked of ClickHouse, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from natter.metrics import overview as module
from natter.metrics.overview import Overviews
from natter.storage.clickhouse import StorageError

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Answers:
    """Answers what the two questions need."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def rows(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        if "quantiles" in sql:
            return []
        return [{"minute": datetime(2026, 3, 4, 5, 5), "direction": "in", "stanzas": 42}]


async def test_whole_minutes_and_the_last_that_is_over() -> None:
    answers = Answers()
    found = await Overviews(lambda: answers, lambda: NOW).last(60)  # type: ignore[arg-type, return-value]
    assert (found.since, found.until) == (NOW.replace(minute=7, second=0, hour=4), NOW.replace(minute=7, second=0))
    assert found.last_minute("in") == 42 and found.last_minute("out") == 0
    assert answers.asked[0] == {"since": found.since, "until": found.until}


async def test_answers_are_kept_for_a_moment() -> None:
    answers, now = Answers(), [NOW]
    overviews = Overviews(lambda: answers, lambda: now[0])  # type: ignore[arg-type, return-value]
    first = await overviews.last(60)
    assert await overviews.last(60) is first and len(answers.asked) == 2
    now[0] += timedelta(seconds=module.KEPT_SECONDS)
    assert await overviews.last(60) is not first
    for count in range(1, 3 * module.ANSWERS_KEPT_MAX):
        await overviews.last(count)
    assert len(overviews._kept) <= module.ANSWERS_KEPT_MAX


async def test_before_clickhouse_is_open() -> None:
    with pytest.raises(StorageError):
        await Overviews(lambda: None, lambda: NOW).last(60)
