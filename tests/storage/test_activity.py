"""What the dashboard page is told: sums by step, quantiles, people by day; the few are withheld."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nativeblock import block_of
from natter.storage.activity import POINTS_MAX, activity, step_of
from natter.storage.aggregates import USERS_MIN
from natter.storage.clickhouse import ClickHouse
from natter.storage.stanza_events import TABLE

# The tables forget what is old. Yesterday at noon, so that no minute of this is another day.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def said(
    clickhouse: ClickHouse, token: str, *, users: int, minute: int = 0, count: int = 120, **values: Any
) -> None:
    """`count` stanzas of so many people, in one minute."""
    at = int((NOON + timedelta(minutes=minute)).timestamp()) * 1_000_000
    block: dict[str, Any] = {
        "time": [at + i for i in range(count)], "kind": 1, "type": "chat", "direction": 0, "domain": "example.org",
        "transport": "tls", "outcome": "accepted", "from_hash": [1 + i % users for i in range(count)], "to_hash": 5,
        "others": [[]] * count, "room_hash": 0, "bytes": 10, "latency_us": 0, "instance": token, "trace_id": "",
        "key_epoch": 1, "sequence": list(range(1, count + 1)), **values,
    }  # fmt: skip
    await clickhouse.insert(TABLE, block_of(count, block), token=token)


def test_points_are_bounded() -> None:
    assert [step_of(m) for m in (1, 60, 360, 361, 1440, 43200)] == [1, 1, 1, 2, 4, 120]
    assert all(m / step_of(m) <= POINTS_MAX for m in range(1, 5000))


async def test_everything_the_page_shows(clickhouse: ClickHouse) -> None:
    await said(clickhouse, "a", users=USERS_MIN)
    await said(clickhouse, "b", users=3, minute=1, count=60, kind=3, type="get")
    await said(clickhouse, "c", users=5, minute=1, direction=1, outcome="delivered", latency_us=2500)
    await said(clickhouse, "d", users=2, minute=2, count=10, outcome="dropped:blocked")
    found = await activity(clickhouse, since=NOON, until=NOON + timedelta(minutes=60))
    at = [(NOON + timedelta(minutes=n)).isoformat() for n in range(3)]
    assert found["rates"] == [
        {"at": at[0], "kind": "message", "direction": "in", "per_second": 2.0},
        {"at": at[1], "kind": "iq", "direction": "in", "per_second": 1.0},
        {"at": at[1], "kind": "message", "direction": "out", "per_second": 2.0},
        {"at": at[2], "kind": "message", "direction": "in", "per_second": 0.167},
    ]
    assert found["latencies"] == [{"at": at[1], "p50_ms": 2.5, "p95_ms": 2.5, "p99_ms": 2.5}]
    assert found["days"] == [{"day": NOON.date().isoformat(), "users": USERS_MIN}]
    assert [(o["outcome"], o["stanzas"]) for o in found["outcomes"]] == [
        ("accepted", 180), ("delivered", 120), ("dropped:blocked", 10),
    ]  # fmt: skip
    assert found["hours"] == [{"weekday": NOON.isoweekday(), "hour": 12, "stanzas": 190}]


async def test_the_few_are_withheld(clickhouse: ClickHouse) -> None:
    await said(clickhouse, "a", users=USERS_MIN - 1, room_hash=7, type="groupchat")
    found = await activity(clickhouse, since=NOON, until=NOON + timedelta(minutes=60))
    assert found["days"][0]["users"] is None and found["rooms"] == []
    await said(clickhouse, "b", users=USERS_MIN, minute=1, room_hash=0xAB, type="groupchat")
    found = await activity(clickhouse, since=NOON, until=NOON + timedelta(minutes=60))
    assert found["rooms"] == [{"room": "00000000000000ab", "messages": 120, "users": USERS_MIN}]


async def test_people_under_different_keys_are_not_added(clickhouse: ClickHouse) -> None:
    await said(clickhouse, "a", users=USERS_MIN)
    await said(clickhouse, "b", users=USERS_MIN + 5, minute=1, key_epoch=2)
    found = await activity(clickhouse, since=NOON, until=NOON + timedelta(minutes=60))
    assert found["days"] == [{"day": NOON.date().isoformat(), "users": USERS_MIN + 5}]


@pytest.mark.parametrize("minutes", [60, 43200])
async def test_nothing_is_nothing(clickhouse: ClickHouse, minutes: int) -> None:
    found = await activity(clickhouse, since=NOON - timedelta(minutes=minutes), until=NOON)
    assert found == {"rates": [], "latencies": [], "days": [], "rooms": [], "outcomes": [], "hours": []}
