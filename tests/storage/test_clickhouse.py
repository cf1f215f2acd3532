"""The embedded engine: rows once however often they are sent, in table and aggregates alike."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nativeblock import block_of
from natter.storage import clickhouse as module
from natter.storage.clickhouse import ClickHouse, Place, StorageError
from natter.storage.native import Block
from natter.storage.stanza_events import TABLE

# Of today: the tables forget what is old.
MIDNIGHT_US = int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000


def block(count: int, *, first: int = 1, start_us: int = MIDNIGHT_US, others: int = 0) -> Block:
    return block_of(
        count,
        {
            "time": [start_us + i for i in range(count)],
            "kind": 1,
            "type": "chat",
            "direction": [i % 2 for i in range(count)],
            "domain": "example.org",
            "transport": "tls",
            "outcome": [("accepted", "delivered")[i % 2] for i in range(count)],
            "from_hash": [(1 << 63) + i % 40 for i in range(count)],
            "to_hash": 5,
            "others": [[6 + i for i in range(others)] for _ in range(count)],
            "room_hash": 0,
            "bytes": 100,
            "latency_us": 1000,
            "instance": "gateway-1-ab",
            "trace_id": "",
            "key_epoch": 1,
            "sequence": [first + i * (1 + others) for i in range(count)],
        },
    )


async def counts(clickhouse: ClickHouse) -> tuple[int, int, int]:
    """Rows, distinct rows, rows in the aggregates."""
    [rows] = await clickhouse.rows(f"SELECT count() AS n FROM {TABLE}")
    [final] = await clickhouse.rows(f"SELECT count() AS n FROM {TABLE} FINAL")
    [minutes] = await clickhouse.rows("SELECT sum(stanzas) AS n FROM stanza_minutes")
    return rows["n"], final["n"], minutes["n"]


async def test_the_same_insert_twice_counts_once(clickhouse: ClickHouse) -> None:
    # Over midnight: a batch of two partitions is one batch.
    batch = block(1000, start_us=MIDNIGHT_US - 500)
    for _ in range(3):
        await clickhouse.insert(TABLE, batch, token="g.0.5")
    assert await counts(clickhouse) == (1000, 1000, 1000)
    await clickhouse.insert(TABLE, block(10, first=2000), token="g.5.6")
    assert await counts(clickhouse) == (1010, 1010, 1010)
    await clickhouse.insert(TABLE, block(10, first=2000), token="another")
    assert (await counts(clickhouse))[1] == 1010


async def test_the_token_is_known_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        clickhouse = await ClickHouse.open(Place(data=tmp_path))
        await clickhouse.insert(TABLE, block(100), token="g.0.5")
        assert await counts(clickhouse) == (100, 100, 100)
        await clickhouse.close()
    rows = module.dump(tmp_path)
    assert len(rows) == 100
    assert rows[0]["time"].replace(tzinfo=UTC) == datetime.fromtimestamp(MIDNIGHT_US / 1e6, UTC)
    assert (rows[1]["kind"], rows[1]["direction"], rows[1]["outcome"]) == ("message", "out", "delivered")
    assert rows[0]["from_hash"] == 1 << 63 and rows[-1]["sequence"] == 100


async def test_a_broadcast_is_one_row_and_one_for_each_in_the_view(clickhouse: ClickHouse) -> None:
    for _ in range(2):
        await clickhouse.insert(TABLE, block(10, others=99), token="g.0.1")
    await clickhouse.insert(TABLE, block(3, first=1001), token="g.1.2")
    assert await counts(clickhouse) == (13, 13, 1003)
    [view] = await clickhouse.rows(
        "SELECT count() AS n, uniqExact(sequence) AS s, uniqExact(to_hash) AS t, sum(bytes) AS b FROM stanza_rows"
    )
    assert (view["n"], view["s"], view["t"], view["b"]) == (1003, 1003, 100, 100_300)
    [minutes] = await clickhouse.rows("SELECT sum(bytes) AS b FROM stanza_minutes")
    assert minutes["b"] == 100_300


async def test_calls_take_turns_and_the_loop_turns(clickhouse: ClickHouse) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.gather(*(clickhouse.rows("SELECT sum(number) FROM numbers(1000000)") for _ in range(4)))
    counting.cancel()
    assert turns > 10


async def test_faults_are_storage_errors(clickhouse: ClickHouse) -> None:
    with pytest.raises(StorageError):
        await clickhouse.rows("SELECT nonsense")
    with pytest.raises(StorageError):
        await clickhouse.insert("no_table", block(1), token="t")
    with pytest.raises(StorageError):
        await ClickHouse.open(Place(url="clickhouse://user:canary-secret@127.0.0.1:9/natter"))
    with pytest.raises(ValueError):
        await ClickHouse.open(Place())
