"""Entries of a user shard: decoded, and each frame given to the user whose work it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natter.bus.api import Entry
from natter.bus.shard import Shard
from natter.proto.v1 import bus_pb2
from natter.xmpp.jid import bare_of

from .model import render
from .model.user import Change, Session
from .xeps import last_activity

UNAVAILABLE = "unavailable"


@dataclass(slots=True, eq=False)
class Work:
    """One frame for one user, on its way. `sequence` 0: it came from no log, and nothing waits for it."""

    user: str
    frame: bus_pb2.Frame
    sequence: int = 0
    index: int = 0
    # Outputs that are not stored yet, and what is written when they are.
    outputs: int = 0
    changes: tuple[Change, ...] = ()
    # It has waited for the directory.
    waited: bool = False
    # It tells of a removal: when everything is stored, that is noted.
    removal: bool = False


def owner(frame: bus_pb2.Frame) -> str:
    """The user whose work a frame is: the sender's, when a session sent it; else the recipient's. "" for nobody."""
    if not frame.session:
        return bare_of(frame.to)
    if frame.payload == last_activity.PAYLOAD and frame.to:
        return bare_of(frame.to)
    return bare_of(frame.sender)


def receive(shard: Shard, entry: Entry, enqueue: Callable[[Work], None]) -> None:
    """One entry. Its sequence is done when all its frames are. Raises DecodeError for what is no envelope."""
    frames = bus_pb2.Envelope.FromString(entry.payload).frames
    progress = shard.progress
    progress.begin(entry.sequence)
    progress.expect(entry.sequence, len(frames))
    for index, frame in enumerate(frames):
        user = owner(frame)
        if user:
            enqueue(Work(user, frame, entry.sequence, index))
        else:
            progress.done(entry.sequence)
    progress.finish(entry.sequence)


def vanished(session: Session, now_us: int) -> Work:
    """A session that ended without a word, as if it had said unavailable."""
    user = bare_of(session.jid)
    frame = bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type=UNAVAILABLE,
        sender=session.jid,
        session=session.session,
        ended=True,
        accepted_us=now_us,
        stanza=render.presence(UNAVAILABLE, session.jid),
    )
    return Work(user, frame)
