"""From the bus into ClickHouse: once, whatever fails in between."""

from __future__ import annotations

import asyncio

import pytest
from natter.bus import facts
from natter.bus.api import Bus, StreamSpec
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.bus.subjects import FACTS, POSITIONS, streams
from natter.metrics import ingest as module
from natter.metrics.ingest import KEY, Bookmark, Ingest
from natter.storage.clickhouse import ClickHouse, StorageError
from natter.telemetry import names
from rowtable import CANARY, NAMING, PSEUDONYMS, Table, ingest_of, row, run_out, say


async def bookmark_of(bus: Bus) -> Bookmark:
    value = await Bucket(bus, POSITIONS).get(KEY)
    assert value is not None
    return Bookmark.decode(value.value, value.revision)


async def test_rows_are_written_and_remembered(bus: Bus) -> None:
    table = Table()
    for i in range(5):
        await say(bus, 1 + i * 100, 100)
    await run_out(ingest_of(bus, table, rows_max=250))
    assert table.sequences == list(range(1, 501))
    assert [len(c["time"]) for c in table.tokens.values()] == [300, 200]
    mark = await bookmark_of(bus)
    assert mark.position == mark.claimed == 5
    await run_out(ingest_of(bus, table))
    assert table.calls == 2
    await say(bus, 501, 10)
    await run_out(ingest_of(bus, table))
    assert table.sequences == list(range(1, 511))


async def test_it_goes_on_while_running(bus: Bus) -> None:
    table = Table()
    ingest = ingest_of(bus, table)
    work = asyncio.create_task(ingest.run())
    for i in range(3):
        await say(bus, 1 + i, 1)
        async with asyncio.timeout(30):
            while len(table.sequences) <= i:
                await asyncio.sleep(0.001)
    ingest.stop()
    await work
    assert table.sequences == [1, 2, 3]


async def test_a_process_that_died_after_the_insert_repeats_it_under_its_token(bus: Bus) -> None:
    table = Table()
    for i in range(4):
        await say(bus, 1 + i * 10, 10)
    table.failures_after = 1
    dying = ingest_of(bus, table, rows_max=20)
    with pytest.raises(StorageError):
        await dead(dying, table)
    mark = await bookmark_of(bus)
    assert (mark.position, mark.claimed) == (0, 2)
    # The next one has other limits, and there is more to write: still the same entries for the same token.
    await say(bus, 41, 10)
    await run_out(ingest_of(bus, table, rows_max=1000))
    assert table.sequences == list(range(1, 51)) and len(table.tokens) == 2 and table.calls == 3


async def dead(ingest: Ingest, table: Table) -> None:
    """One step, and the process is gone."""
    ingest.clickhouse = table  # type: ignore[assignment]
    await ingest._insert(await ingest._claim(await ingest._load()))


async def test_a_lost_answer_is_no_second_row(bus: Bus) -> None:
    table = Table()
    table.failures_after, table.failures_before = 2, 2
    await say(bus, 1, 10)
    ingest = ingest_of(bus, table)
    work = asyncio.create_task(ingest.run())
    async with asyncio.timeout(30):
        while table.calls < 5:
            await asyncio.sleep(0.001)
    ingest.stop()
    await work
    assert table.sequences == list(range(1, 11)) and len(table.tokens) == 1


async def test_clickhouse_away_is_said_once_and_nothing_is_read(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    table.failures_before = 1 << 30
    retries = names.INSERT_RETRIES.values.get((), 0)
    for i in range(100):
        await say(bus, 1 + i, 1)
    ingest = ingest_of(bus, table)
    work = asyncio.create_task(ingest.run())
    async with asyncio.timeout(30):
        while table.calls < 4:
            await asyncio.sleep(0.001)
    assert ingest.failing and names.INSERT_RETRIES.values[()] >= retries + 3
    assert (await bookmark_of(bus)).claimed <= module.ENTRIES_PER_READ
    table.failures_before = 0
    async with asyncio.timeout(30):
        while len(table.sequences) < 100:
            await asyncio.sleep(0.001)
    ingest.stop()
    await work
    assert not ingest.failing
    assert [r.message for r in caplog.records if r.name == module.__name__ and r.levelname == "WARNING"] == [
        names.LOG_INSERT_FAILED
    ]


async def test_told_to_stop_while_clickhouse_is_away_it_stops(bus: Bus) -> None:
    async def never() -> ClickHouse:
        raise StorageError("away")

    ingest = Ingest(bus, never, NAMING, rows_max=1, insert_seconds=0.01, retry_seconds_max=60)
    work = asyncio.create_task(ingest.run())
    while not ingest.failing:
        await asyncio.sleep(0.001)
    ingest.stop()
    await asyncio.wait_for(work, 5)
    await say(bus, 1, 1)
    assert await Bucket(bus, POSITIONS).get(KEY) is None


async def test_two_at_once_write_every_row_once(bus: Bus) -> None:
    table = Table()
    for i in range(30):
        await say(bus, 1 + i * 10, 10)
    await asyncio.gather(*(run_out(ingest_of(bus, table, rows_max=20)) for _ in range(2)))
    assert table.sequences == list(range(1, 301))


async def test_poison_is_counted_and_passed(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    poison, table = names.POISON.values.get((FACTS,), 0), Table()
    await bus.publish("natter.facts.x", CANARY.encode() + b"\xff\xff")
    await bus.publish("natter.facts.x", facts.encode([row()], "g", 1)[:-40] + b"\xff" * 40)
    await say(bus, 1, 10)
    await run_out(ingest_of(bus, table))
    assert table.sequences == list(range(1, 11)) and names.POISON.values[FACTS,] == poison + 2
    assert CANARY not in caplog.text


async def test_what_the_bus_forgot_is_counted(bus: Bus) -> None:
    table, lost = Table(), names.BATCHES_LOST.values.get((), 0)
    await say(bus, 1, 1)
    await run_out(ingest_of(bus, table))
    for i in range(4):
        await say(bus, 2 + i, 1)
    await bus.purge(FACTS, "natter.facts.>", below=4)
    await run_out(ingest_of(bus, table))
    assert table.sequences == [1, 4, 5] and names.BATCHES_LOST.values[()] == lost + 2


async def test_a_js_stream_that_began_anew_is_read_from_its_start() -> None:
    table, bus = Table(), MemoryBus()
    specs = streams(in_memory=True)
    for spec in specs:
        await bus.ensure_stream(spec)
    for i in range(3):
        await say(bus, 1 + i, 1)
    await run_out(ingest_of(bus, table))
    bookmark = (await bookmark_of(bus)).encode()
    anew = MemoryBus()
    for spec in specs:
        await anew.ensure_stream(spec)
    await Bucket(anew, POSITIONS).put(KEY, bookmark)
    await say(anew, 100, 1)
    await run_out(ingest_of(anew, table))
    assert table.sequences == [1, 2, 3, 100] and len(table.tokens) == 2
    assert isinstance(specs[0], StreamSpec)


async def test_no_resource_and_no_jid_gets_into_a_column(bus: Bus) -> None:
    table = Table()
    await say(bus, 1, 3)
    await run_out(ingest_of(bus, table))
    text = repr(table.tokens)
    assert CANARY not in text and "alice" not in text and str(PSEUDONYMS.number("alice@example.org")) in text


async def test_into_the_real_engine(clickhouse: ClickHouse) -> None:
    bus = MemoryBus()
    for spec in streams(in_memory=True):
        await bus.ensure_stream(spec)
    for i in range(10):
        await say(bus, 1 + i * 1000, 1000)
    await run_out(ingest_of(bus, clickhouse, rows_max=5000))
    [found] = await clickhouse.rows("SELECT count() AS n, uniqExact(sequence) AS u FROM stanza_events")
    [minutes] = await clickhouse.rows("SELECT sum(stanzas) AS n FROM stanza_minutes")
    assert (found["n"], found["u"], minutes["n"]) == (10_000, 10_000, 10_000)
