"""What a version cannot read is not lost: another one writes it, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from natter.bus.api import Bus
from natter.bus.kv import Bucket
from natter.bus.subjects import FACTS, PARKED
from natter.metrics import parking as module
from natter.metrics.parking import Parking
from natter.proto.v1.analytics_pb2 import StanzaFacts
from natter.storage.stanza_events import Rows
from natter.telemetry import names
from rowtable import NAMING, Table, ingest_of, row, run_out, say

GENERATION = "g1"


class Newer:
    """How a newer version writes columns: this one does not understand it, until it `knows`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    async def say(self, bus: Bus, first: int, count: int) -> int:
        from natter.bus import facts

        made = StanzaFacts.FromString(facts.encode([row()] * count, "g-2", first))
        made.rows += 1
        return await bus.publish("natter.facts.g-2", made.SerializeToString(), msg_id=f"newer{first}")

    def known(self) -> None:
        """From now on it is understood."""
        extend = Rows.extend

        def understanding(rows: Rows, made: Any, naming: Any) -> None:
            if made.instance == "g-2":
                made.rows -= 1
            extend(rows, made, naming)

        self.monkeypatch.setattr(Rows, "extend", understanding)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Newer:
    return Newer(monkeypatch)


async def notes(bus: Bus) -> list[dict[str, Any]]:
    return [json.loads(value.value) for value in await Bucket(bus, PARKED).values("analytics.*")]


async def test_the_version_after_it_writes_what_one_could_not_read(bus: Bus, newer: Newer) -> None:
    table = Table()
    await say(bus, 1, 10)
    await newer.say(bus, 11, 5)
    await say(bus, 16, 10)
    await run_out(ingest_of(bus, table))
    assert table.sequences == [*range(1, 11), *range(16, 26)]
    [note] = await notes(bus)
    assert (note["js_stream"], note["sequence"], note["reason"]) == (FACTS, 2, "Malformed")
    # The same version once more: it stays.
    await run_out(ingest_of(bus, table))
    assert len(await notes(bus)) == 1
    newer.known()
    await run_out(ingest_of(bus, table))
    assert table.sequences == list(range(1, 26))
    assert await notes(bus) == []
    await run_out(ingest_of(bus, table))
    assert table.sequences == list(range(1, 26))


async def test_two_that_find_the_same_note_write_it_under_one_token(bus: Bus, newer: Newer) -> None:
    table = Table()
    sequence = await newer.say(bus, 1, 5)
    older = Parking(bus, NAMING)
    assert not older.add(Rows(), (await bus.read(FACTS, "natter.facts.>"))[0])
    await older.note(GENERATION)
    [kept] = await Bucket(bus, PARKED).values("analytics.*")
    newer.known()

    async def insert(rows: Rows, token: str) -> None:
        await table.insert("t", rows.block(NAMING), token=token)

    await Parking(bus, NAMING).look(GENERATION, insert)
    # The other had read the list before.
    await Bucket(bus, PARKED).put(kept.key, kept.value)
    await Parking(bus, NAMING).look(GENERATION, insert)
    assert table.calls == 2 and table.sequences == list(range(1, 6))
    assert list(table.tokens) == [f"{GENERATION}.parked.{sequence}"]


async def test_what_the_bus_forgot_meanwhile_is_counted(bus: Bus, newer: Newer) -> None:
    table, lost = Table(), names.BATCHES_LOST.values.get((), 0)
    await newer.say(bus, 1, 5)
    await run_out(ingest_of(bus, table))
    await say(bus, 6, 1)
    await bus.purge(FACTS, "natter.facts.>", below=2)
    await run_out(ingest_of(bus, table))
    assert await notes(bus) == [] and names.BATCHES_LOST.values[()] == lost + 1


async def test_a_note_of_another_life_of_the_log_is_left_alone(bus: Bus, newer: Newer) -> None:
    await newer.say(bus, 1, 5)
    older = Parking(bus, NAMING)
    older.add(Rows(), (await bus.read(FACTS, "natter.facts.>"))[0])
    await older.note("before")
    newer.known()

    async def insert(rows: Rows, token: str) -> None:
        raise AssertionError

    await Parking(bus, NAMING).look(GENERATION, insert)
    assert len(await notes(bus)) == 1


async def test_there_are_only_so_many_notes(bus: Bus, newer: Newer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTES_MAX", 2)
    lost, table = names.BATCHES_LOST.values.get((), 0), Table()
    for first in (1, 6, 11):
        await newer.say(bus, first, 5)
    await run_out(ingest_of(bus, table))
    assert [note["sequence"] for note in await notes(bus)] == [1, 2]
    assert names.BATCHES_LOST.values[()] == lost + 1
