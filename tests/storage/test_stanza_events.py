"""Columns that travelled become columns of the table; what is malformed changes nothing."""

from __future__ import annotations

from array import array

import pytest
from nativeblock import columns_of
from natter.bus import facts
from natter.proto.v1.analytics_pb2 import StanzaFacts
from natter.storage.stanza_events import Malformed, Naming, Rows
from natter.telemetry.identifiers import Key

KEY = Key(b"k" * 32, 4)
NAMING = Naming(KEY.number, KEY.epoch, "example.org", "@conference.example.org")
TRACE = "ab" * 16


def row(**changes: object) -> facts.Row:
    found = {
        "time_us": 1_700_000_000_000_001,
        "kind": 1,
        "type": "chat",
        "direction": 0,
        "outcome": "accepted",
        "transport": "tls",
        "sender": "alice@example.org/phone",
        "to": "bob@example.org",
        "bytes": 120,
        "latency_us": 900,
        "trace_id": "",
        **changes,
    }
    return tuple(found.values())  # type: ignore[return-value]


def batch(*rows: facts.Row, first: int = 7, broadcasts: list[facts.Broadcast] | None = None) -> StanzaFacts:
    return StanzaFacts.FromString(facts.encode(rows, "gateway-1-ab", first, broadcasts or []))


def alike(*rows: facts.Row, several: list[facts.Alike]) -> StanzaFacts:
    return StanzaFacts.FromString(facts.encode(rows, "gateway-1-ab", 7, [(0, ["carol@example.org"])], several))


def columns(*rows: facts.Row) -> dict[str, list[object]]:
    gathered = Rows()
    gathered.extend(batch(*rows), NAMING)
    return columns_of(gathered.block(NAMING).payload)


def test_every_column() -> None:
    found = columns(row(), row(kind=3, type="get", direction=1, to="", trace_id=TRACE, transport=""))
    assert found == {
        "time": [1_700_000_000_000_001] * 2,
        "kind": [1, 3],
        "type": ["chat", "get"],
        "direction": [0, 1],
        "domain": ["example.org"] * 2,
        "transport": ["tls", ""],
        "outcome": ["accepted"] * 2,
        "from_hash": [KEY.number("alice@example.org")] * 2,
        "to_hash": [KEY.number("bob@example.org"), 0],
        "others": [[], []],
        "room_hash": [0, 0],
        "bytes": [120] * 2,
        "latency_us": [900] * 2,
        "instance": ["gateway-1-ab"] * 2,
        "trace_id": ["", TRACE],
        "key_epoch": [4] * 2,
        "sequence": [7, 8],
    }


def test_rooms_on_either_side() -> None:
    room = "tea@conference.example.org"
    found = columns(row(to=room), row(sender=f"{room}/alice", to="bob@example.org"), row(to="conference.example.org"))
    number = KEY.number(room)
    assert found["room_hash"] == [number, number, 0]
    assert found["to_hash"] == [number, KEY.number("bob@example.org"), 0]


def test_batches_follow_each_other() -> None:
    gathered = Rows()
    gathered.extend(batch(row(), row()), NAMING)
    gathered.extend(batch(row(), first=9), NAMING)
    assert len(gathered) == 3 and columns_of(gathered.block(NAMING).payload)["sequence"] == [7, 8, 9]


def test_batches_share_words_and_keep_their_own() -> None:
    gathered = Rows()
    gathered.extend(batch(row(), row(type="normal", trace_id=TRACE)), NAMING)
    gathered.extend(batch(row(type="headline"), row(), row(transport="tcp", trace_id=TRACE), first=9), NAMING)
    found = columns_of(gathered.block(NAMING).payload)
    assert found["type"] == ["chat", "normal", "headline", "chat", "chat"]
    assert found["transport"] == ["tls"] * 4 + ["tcp"]
    assert found["trace_id"] == ["", TRACE, "", "", TRACE]
    assert found["instance"] == ["gateway-1-ab"] * 5


def test_a_broadcast_is_one_row_and_as_many_sequences_as_recipients() -> None:
    gathered, room = Rows(), "tea@conference.example.org"
    others = ["carol@example.org/x", "alice@example.org/pda"]
    gathered.extend(batch(row(), row(sender=f"{room}/alice"), row(), broadcasts=[(1, others)]), NAMING)
    found = columns_of(gathered.block(NAMING).payload)
    assert found["sequence"] == [7, 8, 11]
    assert found["others"] == [[], [KEY.number("carol@example.org"), KEY.number("alice@example.org")], []]
    assert found["room_hash"] == [0, KEY.number(room), 0]
    assert (len(gathered), gathered.stanzas) == (3, 5)


def test_a_batch_of_before_there_were_broadcasts() -> None:
    old = batch(row(), row())
    old.ClearField("others")
    old.ClearField("others_to")
    gathered = Rows()
    gathered.extend(old, NAMING)
    assert columns_of(gathered.block(NAMING).payload)["others"] == [[], []]


def test_no_rows() -> None:
    assert set(map(len, columns_of(Rows().block(NAMING).payload).values())) == {0}


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 3},
        {"kind": b"\x01"},
        {"sender": array("H", [0, 99]).tobytes()},
        {"size": b"xyz"},
        {"to": b""},
        {"traced": array("H", [1]).tobytes()},
        {"traced": array("H", [2]).tobytes(), "trace_id": [TRACE]},
        {"traced": array("H", [1, 1]).tobytes(), "trace_id": [TRACE, TRACE]},
        {"others": array("I", [1, 0]).tobytes()},
        {"others": array("I", [1]).tobytes(), "others_to": array("H", [0]).tobytes()},
        {"others": array("I", [1, 0]).tobytes(), "others_to": array("H", [99]).tobytes()},
        {"others_to": array("H", [0]).tobytes()},
        {"time_us": b""},
    ],
)
def test_malformed_batches_leave_nothing(changes: dict[str, object]) -> None:
    broken = batch(row(), row())
    for name, value in changes.items():
        if name == "trace_id":
            broken.trace_id.extend(value)  # type: ignore[arg-type]
        else:
            setattr(broken, name, value)
    gathered = Rows()
    with pytest.raises(Malformed):
        gathered.extend(broken, NAMING)
    assert len(gathered) == 0 and not gathered.parts


def test_an_unknown_kind_stands_as_unknown() -> None:
    assert columns(row(kind=9))["kind"] == [0]


def test_rows_that_are_alike_are_as_if_each_stood_there() -> None:
    one, other = row(to="dora@example.org"), row(direction=1, outcome="delivered", transport="", latency_us=5)
    travelled = alike(row(), row(trace_id=TRACE), several=[(one, array("I", [1, 2, 3])), (other, [4])])
    assert len(travelled.time_us) == 4 * 8 and travelled.rows == 6
    gathered, apart = Rows(), Rows()
    gathered.extend(travelled, NAMING)
    singles = (
        row(),
        row(trace_id=TRACE),
        *((*one[:8], size, *one[9:]) for size in (1, 2, 3)),
        (*other[:8], 4, *other[9:]),
    )
    apart.extend(batch(*singles, broadcasts=[(0, ["carol@example.org"])]), NAMING)
    assert columns_of(gathered.block(NAMING).payload) == columns_of(apart.block(NAMING).payload)
    assert gathered.stanzas == apart.stanzas == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"alike": array("H", [1, 1, 3]).tobytes()},
        {"alike": array("H", [1, 1, 1]).tobytes()},
        {"alike": array("H", [2, 1, 1]).tobytes()},
        {"alike": array("H", [1, 2, 1]).tobytes()},
        {"alike": array("H", [0, 1, 3]).tobytes()},
        {"alike": array("H", [1, 1, 2, 0]).tobytes()},
        {"alike": b"123"},
        {"size": array("I", [1, 2, 3]).tobytes()},
        {"rows": 9},
    ],
)
def test_malformed_batches_of_rows_that_are_alike(changes: dict[str, object]) -> None:
    broken = alike(row(), row(trace_id=TRACE), several=[(row(), [1, 2])])
    for name, value in changes.items():
        setattr(broken, name, value)
    with pytest.raises(Malformed):
        Rows().extend(broken, NAMING)
