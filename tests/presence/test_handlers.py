"""Entries to users."""

from __future__ import annotations

import pytest
from natter.bus.api import Entry
from natter.bus.progress import Progress
from natter.bus.shard import Shard
from natter.presence.handlers import Work, owner, receive, vanished
from natter.presence.model.user import Session
from natter.proto.v1 import bus_pb2

LAST = "{jabber:iq:last}query"


@pytest.mark.parametrize(
    ("frame", "user"),
    [
        (bus_pb2.Frame(sender="a@x/r", to="b@x/q", session="s"), "a@x"),
        (bus_pb2.Frame(sender="a@x", to="b@x/q"), "b@x"),
        (bus_pb2.Frame(sender="a@x/r", to="b@x", session="s", payload=LAST), "b@x"),
        (bus_pb2.Frame(sender="a@x/r", session="s", payload=LAST), "a@x"),
        (bus_pb2.Frame(sender="a@x/r"), ""),
    ],
)
def test_whose_work_a_frame_is(frame: bus_pb2.Frame, user: str) -> None:
    assert owner(frame) == user


def test_a_sequence_is_done_when_all_its_frames_are() -> None:
    progress = Progress(4)
    shard = Shard("user", 1, "user.1", progress, 4, lambda: None)
    frames = [bus_pb2.Frame(sender="a@x/r", session="s"), bus_pb2.Frame(), bus_pb2.Frame(to="b@x")]
    works: list[Work] = []
    receive(shard, Entry("", 5, bus_pb2.Envelope(frames=frames).SerializeToString()), works.append)
    assert [(work.user, work.sequence, work.index) for work in works] == [("a@x", 5, 0), ("b@x", 5, 2)]
    progress.done(5)
    assert progress.position == 4
    progress.done(5)
    assert progress.position == 5


def test_a_vanished_session_says_unavailable() -> None:
    work = vanished(Session("a@x/r", "s1"), 7)
    assert work.user == "a@x" and work.sequence == 0
    assert work.frame.ended and work.frame.session == "s1" and work.frame.type == "unavailable"
    assert work.frame.stanza == b"<presence from='a@x/r' type='unavailable'/>"
