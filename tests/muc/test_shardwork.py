"""What the parts of a shard's work share."""

from __future__ import annotations

from natter.muc import shardwork
from natter.muc.room.request import Cause
from natter.muc.shardwork import Input, Seen
from natter.proto.v1 import bus_pb2


def test_the_oldest_causes_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(shardwork, "SEEN_MAX", 3)
    seen = Seen()
    for sequence in range(1, 6):
        seen.add(Cause("lane.0", sequence, 0), "r@h")
    assert [seen.has(Cause("lane.0", n, 0), "r@h") for n in range(1, 6)] == [False, False, True, True, True]


def test_unknown_causes_are_not_remembered() -> None:
    seen = Seen()
    seen.add(Cause(), "r@h")
    assert not seen.has(Cause(), "r@h")


def test_one_cause_may_be_for_several_rooms() -> None:
    seen = Seen()
    seen.add(Cause("lane.0", 1, 0), "r@h")
    assert seen.has(Cause("lane.0", 1, 0), "r@h")
    assert not seen.has(Cause("lane.0", 1, 0), "s@h")


def test_an_input_knows_its_room() -> None:
    assert Input(bus_pb2.Frame(to="r@h/n/x"), Cause(), 1, 1).room == "r@h"
    assert Input(bus_pb2.Frame(to="conference.h"), Cause(), 1, 1).room == "conference.h"
    assert Input(bus_pb2.Frame(), Cause(), 1, 1).room == ""
