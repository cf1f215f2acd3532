"""Deliveries that come back because their session has left: which of them do, and what they look like then."""

from __future__ import annotations

from natter.proto.v1 import bus_pb2

_MESSAGE = bus_pb2.KIND_MESSAGE
_IQ = bus_pb2.KIND_IQ


def returnable(frame: bus_pb2.Frame) -> bool:
    """Whether the sender, or another session, is owed this frame when its session has left.

    Not so: presence, answers and errors (nobody waits for them), and broadcasts, whose room or presence shard hears of
    the session's end by itself.
    """
    if frame.tos:
        return False
    if frame.kind == _MESSAGE:
        return frame.type not in ("error", "groupchat")
    return frame.kind == _IQ and frame.type in ("get", "set")


def keep(frame: bus_pb2.Frame) -> bus_pb2.Frame:
    """A frame in memory of its own: the original would hold its whole envelope while a slow client reads."""
    own = bus_pb2.Frame()
    own.CopyFrom(frame)
    return own


def as_lane_frame(frame: bus_pb2.Frame) -> bus_pb2.Frame:
    """The frame as the lane wants it: without cause, `returned` once more.

    Its sessions, which have left, stay named: the router leaves them out, also when its directory still has them.
    """
    own = keep(frame)
    own.sequence = 0
    own.index = 0
    own.returned += 1
    return own
