"""A replay of the log beside the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from natter.archive.checking import CLOCK_US, Replay, compared, replayed
from natter.bus import subjects
from natter.bus.api import Entry
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, Envelope, Frame
from natter.storage.archive import Message

ALICE, BOB = "alice@h", "bob@h"
TIME_US = 1_700_000_000_000_000


def said(number: int, **fields: Any) -> Frame:
    defaults: dict[str, Any] = {
        "kind": KIND_MESSAGE,
        "sender": f"{ALICE}/a",
        "to": BOB,
        "stanza": b"<message><body>hi</body></message>",
        "sequence": number,
        "accepted_us": TIME_US + number,
        "stanza_id": f"id-{number}",
        "owners": [ALICE, BOB],
    }
    return Frame(**{**defaults, **fields})


def entry(sequence: int, *frames: Frame, shard: int = 0) -> Entry:
    payload = Envelope(source="lane.0", frames=frames).SerializeToString()
    return Entry(subjects.archive(shard), sequence, payload)


def verdict(replay: Replay, rows: list[Message], *, excused: bool = False, belongs: bool = True) -> Any:
    there = {(row.owner, row.id): row for row in rows}
    return compared(replay, there, excused=lambda _: excused, belongs=lambda _: belongs)


def test_a_replay_has_what_a_worker_writes() -> None:
    found = replayed(
        [entry(5, said(1), Frame(kind=KIND_IQ), said(2)), Entry("natter.archive.0", 6, b"\xff")], search=True
    )
    assert set(found.rows) == {(ALICE, "id-1"), (BOB, "id-1"), (ALICE, "id-2"), (BOB, "id-2")}
    assert found.rows[BOB, "id-1"].body == "hi" and found.rows[BOB, "id-1"].peer == ALICE
    assert found.oldest_us == TIME_US + 1 and not found.perhaps
    # What a router has repeated is there once; shards count for themselves.
    again = replayed([entry(5, said(1)), entry(6, said(1), said(2)), entry(7, said(1), shard=1)], search=False)
    assert again.rows[ALICE, "id-1"].position >> 16 == 5 and len(again.rows) == 4


def test_nothing_differs() -> None:
    replay = replayed([entry(5, said(1))], search=False)
    rows = list(replay.rows.values())
    # Words may have been wanted then, and the first of two records may stand before the log's beginning.
    rows[0] = replace(rows[0], body="words", position=rows[0].position - 65536)
    found = verdict(replay, rows)
    assert (found.missing, found.changed, found.surplus, found.unjudged) == ([], [], [], 0)


def test_what_differs() -> None:
    replay = replayed([entry(5, said(1), said(2))], search=False)
    rows = list(replay.rows.values())
    gone, changed, *others = rows
    surplus = Message(9, ALICE, "planted", BOB, "", TIME_US, b"")
    found = verdict(replay, [replace(changed, peer="mallory@h"), *others, surplus])
    assert (found.missing, found.changed, found.surplus) == ([gone], [changed], [surplus])


def test_what_may_be_missing_or_too_much() -> None:
    replay = replayed([entry(5, said(1, offline=BOB))], search=False)
    assert replay.perhaps == {(BOB, "id-1")}
    found = verdict(replay, [])
    assert [row.owner for row in found.missing] == [ALICE] and found.unjudged == 1
    assert verdict(replay, [], excused=True).unjudged == 2
    rows = list(replay.rows.values())
    # Of a log before this one, or of a shard whose log does not reach there.
    old = Message(9, ALICE, "old", BOB, "", TIME_US - 2 * CLOCK_US, b"")
    assert verdict(replay, [*rows, old]).unjudged == 1
    assert verdict(replay, [*rows, replace(old, time_us=TIME_US)], belongs=False).unjudged == 1
