"""Sums by group and minute, and numbers of users that are withheld."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nativeblock import block_of
from natter.storage.aggregates import USERS_MIN, aware, group, groups, minutes
from natter.storage.clickhouse import ClickHouse
from natter.storage.native import Block
from natter.storage.stanza_events import TABLE

# The tables forget what is old.
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
START_US = int(START.timestamp()) * 1_000_000


def block(users: int, *, type: str, minute: int = 0, latency_us: int = 0, first: int = 1) -> Block:
    count = 100
    values: dict[str, Any] = {
        "time": [START_US + minute * 60_000_000 + i for i in range(count)],
        "kind": 1,
        "type": type,
        "direction": 0,
        "domain": "example.org",
        "transport": "tls",
        "outcome": "accepted",
        "from_hash": [1 + i % users for i in range(count)],
        "to_hash": 5,
        "others": [[]] * count,
        "room_hash": 0,
        "bytes": 10,
        "latency_us": latency_us,
        "instance": "g",
        "trace_id": "",
        "key_epoch": 1,
        "sequence": list(range(first, first + count)),
    }
    return block_of(count, values)


async def test_sums_and_what_is_withheld(clickhouse: ClickHouse) -> None:
    batches = {"a": (USERS_MIN, "chat", 0, 1500, 1), "b": (USERS_MIN - 1, "normal", 1, 0, 1000)}
    for token, (users, type_, minute, latency, first) in batches.items():
        rows = block(users, type=type_, minute=minute, latency_us=latency, first=first)
        await clickhouse.insert(TABLE, rows, token=token)
    await clickhouse.insert(TABLE, block(50, type="old", minute=-600, first=5000), token="c")
    chat, normal = await groups(clickhouse, since=START, until=START + timedelta(minutes=2))
    assert (chat.kind, chat.type, chat.direction, chat.outcome) == ("message", "chat", "in", "accepted")
    assert (chat.stanzas, chat.bytes, chat.users, chat.p50_us, chat.p99_us) == (100, 1000, USERS_MIN, 1500, 1500)
    assert (normal.stanzas, normal.users, normal.p50_us) == (100, None, None)
    found = await minutes(clickhouse, since=START, until=START + timedelta(minutes=2))
    assert [(m.minute, m.direction, m.stanzas) for m in found] == [
        (START, "in", 100),
        (START + timedelta(minutes=1), "in", 100),
    ]
    assert await groups(clickhouse, since=START + timedelta(minutes=3), until=START + timedelta(minutes=4)) == []


def test_not_a_number_is_not_measured() -> None:
    row = {"kind": "iq", "type": "get", "direction": "in", "outcome": "accepted", "stanzas": 1, "bytes": 2, "users": 99}
    nan = float("nan")
    assert group({**row, "latency": [nan, nan, nan]}).p50_us is None
    assert group({**row, "latency": [1.0, 2.4, 3.6]}).p99_us == 4


def test_times_are_utc() -> None:
    naive = datetime(2026, 1, 2, 3, 4)
    assert aware(naive) == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert aware(naive.replace(tzinfo=UTC)).utcoffset() == timedelta(0)
