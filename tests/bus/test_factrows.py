"""What comes out is what went in, of one sender's messages only; rubbish is nothing."""

from __future__ import annotations

from natter.bus import facts
from natter.bus.factrows import FactRow, messages_of

ALICE, BOB, CARL = "alice@localhost", "bob@localhost", "carl@localhost"


def row(time_us: int, *, kind: int = 1, out: int = 1, outcome: str = "delivered", sender: str = ALICE) -> facts.Row:
    return (time_us, kind, "chat", out, outcome, "", f"{sender}/a", f"{BOB}/b", 90, 250, "")


def test_messages_of_one_sender() -> None:
    rows = [row(1000), row(2000, kind=2), row(3000, sender=CARL), row(4000, out=0, outcome="dropped:passing")]
    found = list(messages_of(facts.encode(rows, "g1", 1), ALICE))
    assert found == [
        FactRow(1000, "chat", True, "delivered", (BOB,), 90, 250),
        FactRow(4000, "chat", False, "dropped:passing", (BOB,), 90, 250),
    ]
    assert found[0].accepted_us == 750
    assert list(messages_of(facts.encode(rows, "g1", 1), "nobody@localhost")) == []


def test_who_got_a_broadcast_and_each_of_a_series() -> None:
    everybody = [(1, [f"{CARL}/c", f"{ALICE}/x"])]
    payload = facts.encode([row(1000), row(2000)], "g1", 1, everybody, [(row(3000), [7, 8])])
    found = list(messages_of(payload, ALICE))
    assert [one.tos for one in found] == [(BOB,), (BOB, CARL, ALICE), (BOB,), (BOB,)]
    assert [one.size for one in found[2:]] == [7, 8]


def test_rubbish_is_nothing() -> None:
    payload = facts.encode([row(1000)], "g1", 1)
    assert list(messages_of(b"\xff\xff", ALICE)) == []
    assert list(messages_of(payload.replace(b"\xe8\x03\x00\x00\x00\x00\x00\x00", b"\xe8\x03\x00"), ALICE)) == []
