"""Which deliveries go back when their session has left, and how."""

from __future__ import annotations

import pytest
from natter.bus.returning import as_lane_frame, keep, returnable
from natter.proto.v1 import bus_pb2

MESSAGE, PRESENCE, IQ = bus_pb2.KIND_MESSAGE, bus_pb2.KIND_PRESENCE, bus_pb2.KIND_IQ


@pytest.mark.parametrize(
    ("kind", "type", "expected"),
    [
        (MESSAGE, "chat", True),
        (MESSAGE, "", True),
        (MESSAGE, "headline", True),
        (MESSAGE, "groupchat", False),
        (MESSAGE, "error", False),
        (IQ, "get", True),
        (IQ, "set", True),
        (IQ, "result", False),
        (IQ, "error", False),
        (PRESENCE, "", False),
        (PRESENCE, "subscribe", False),
    ],
)
def test_who_is_owed_an_answer(kind: bus_pb2.Kind, type: str, expected: bool) -> None:
    frame = bus_pb2.Frame(kind=kind, type=type)
    assert returnable(frame) is expected
    frame.tos.append("a@x/y")
    assert returnable(frame) is False


def test_what_goes_back_has_no_cause_and_names_who_has_left() -> None:
    frame = bus_pb2.Frame(kind=MESSAGE, id="1", sessions=["gone"], sequence=9, index=16, returned=1, session="s")
    back = as_lane_frame(frame)
    assert (back.sequence, back.index, back.returned) == (0, 0, 2)
    assert (list(back.sessions), back.id, back.session) == (["gone"], "1", "s")
    assert (frame.sequence, frame.returned) == (9, 1)


def test_what_is_kept_does_not_hold_its_envelope() -> None:
    envelope = bus_pb2.Envelope(frames=[bus_pb2.Frame(id="1")])
    own = keep(envelope.frames[0])
    envelope.frames[0].id = "2"
    assert own.id == "1"
