"""Events say where they come from."""

from __future__ import annotations

from natter.muc.room import events
from natter.muc.room.request import IQ, PRESENCE, Cause, Request


def test_cause_time_and_whom_to_answer() -> None:
    request = Request(
        kind=IQ, type="set", sender="a@b/c", to="r@h", id="1", stanza=b"<iq/>", session="s", now_us=5,
        cause=Cause("lane.3", 7, 16),
    )  # fmt: skip
    made = events.answered(request)
    assert (made.source, made.sequence, made.index, made.time_us) == ("lane.3", 7, 16, 5)
    assert (made.answer.id, made.answer.to, made.answer.session) == ("1", "a@b/c", "s")


def test_without_cause_and_without_question() -> None:
    request = Request(kind=PRESENCE, sender="a@b/c", to="r@h", stanza=b"<presence/>", now_us=5)
    made = events.answered(request)
    assert not made.HasField("answer")
    assert (made.source, made.sequence) == ("", 0)
    assert events.presence(b"a", b"p").payload == b"p"
