"""Entries taken apart, and what is decided of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from natter.archive.batch import decide, items
from natter.bus.api import Entry
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, KIND_PRESENCE, Envelope, Frame

BOB = "bob@h"


def entry(sequence: int, *frames: Frame, source: str = "lane.0") -> Entry:
    return Entry("natter.archive.0", sequence, Envelope(source=source, frames=frames).SerializeToString())


def message(sequence: int, index: int = 0, **fields: object) -> Frame:
    return Frame(kind=KIND_MESSAGE, sequence=sequence, index=index, stanza=b"<message/>", accepted_us=1, **fields)  # type: ignore[arg-type]


def test_repetitions_of_a_source_are_left_out() -> None:
    seen: dict[str, tuple[int, int]] = {}
    assert len(items(entry(1, message(5), message(5, 16)), seen)) == 2
    assert [item.cause for item in items(entry(2, message(5, 16), message(6)), seen)] == [(6, 0)]
    assert len(items(entry(3, message(5), source="lane.1"), seen)) == 1
    assert seen == {"lane.0": (6, 0), "lane.1": (5, 0)}


def test_what_has_no_cause_and_questions_are_never_repetitions() -> None:
    seen = {"lane.0": (9, 0)}
    question = Frame(kind=KIND_IQ, sequence=3)
    assert len(items(entry(1, message(0), question), seen)) == 2


def test_places_do_not_meet() -> None:
    found = items(entry(3, *(message(n) for n in range(1, 4097))), {})
    places = [item.place for item in found]
    assert places[0] == 3 << 16 and max(places) + 4 <= 4 << 16
    assert len(set(places)) == 4096 and min(b - a for a, b in pairwise(places)) == 4


def test_no_envelope() -> None:
    with pytest.raises(ValueError, match="envelope"):
        items(Entry("natter.archive.0", 1, b"\xff\xff"), {})


def test_who_is_not_there() -> None:
    owned = [message(n, owners=["alice@h", BOB], offline=BOB, sender="alice@h/a", to=BOB) for n in range(1, 4)]
    taken = items(entry(1, *owned), {})
    there = decide(taken, {BOB: True}, {BOB: 1}, domain="h", waiting_max=3)
    assert (len(there.late), len(there.refused)) == (2, 1)
    # Who refuses a message does not archive it; who has sent it does.
    assert [m.owner for m in there.kept] == ["alice@h", BOB, "alice@h", BOB, "alice@h"]
    assert there.seen == {"lane.0": (3, 0)}


def test_who_does_not_exist() -> None:
    taken = items(entry(1, message(1, owners=["alice@h", BOB], offline=BOB, sender="alice@h/a", to=BOB)), {})
    decided = decide(taken, {BOB: False}, {}, domain="h", waiting_max=3)
    assert [m.owner for m in decided.kept] == ["alice@h"]
    assert decided.refused == taken and not decided.late


def test_what_does_not_belong_here() -> None:
    taken = items(entry(1, Frame(kind=KIND_IQ), Frame(kind=KIND_PRESENCE)), {})
    decided = decide(taken, {}, {}, domain="h", waiting_max=3)
    assert not decided.kept and not decided.seen
