"""Whoever speaks for a session says the same."""

from __future__ import annotations

from natter.bus.last_word import last_word
from natter.proto.v1 import bus_pb2


def test_it_ends_the_session() -> None:
    frame = last_word("s1", "a@x/r", b"<presence/>", rooms=5, inbound=7)
    assert frame.accepted_us > 0
    frame.ClearField("accepted_us")
    assert frame == bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type="unavailable",
        sender="a@x/r",
        stanza=b"<presence/>",
        session="s1",
        inbound=7,
        ended=True,
        rooms=5,
    )


def test_who_does_not_know_how_much_was_said_says_nothing_of_it() -> None:
    assert last_word("s1", "a@x/r", b"<presence/>", rooms=0).inbound == 0
