"""Frames of the archive's log to rows: pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.storage.archive import Message, Waiting
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import offline, stanza_id

# Places of one frame in its entry: the archives of two, and who it waits for. 4096 frames are in an entry at most.
PER_FRAME: Final = 4


def messages(frame: Frame, place: int) -> Iterator[Message]:
    """The message in each archive that takes it; `place` is the first of its PER_FRAME."""
    sender = bare_of(frame.sender)
    to = frame.to or sender
    for number, owner in enumerate(frame.owners[: PER_FRAME - 1]):
        # XEP-0313 §3: the other side, as seen by the owner. Who talks to themselves is their own other side.
        peer = frame.sender if owner == bare_of(to) and owner != sender else to
        bare, _, resource = peer.partition("/")
        yield Message(place + number, owner, frame.stanza_id, bare, resource, frame.accepted_us, frame.stanza)


def waits(frame: Frame, place: int, domain: str) -> Waiting:
    """What is kept of a message until its recipient comes: the frame as a router can route it again."""
    own = Frame()
    own.CopyFrom(frame)
    for name in ("sequence", "index", "owners", "offline", "returned", "sessions", "tos", "traits", "plain"):
        own.ClearField(name)
    own.traits = frame.traits
    if frame.stanza_id and not frame.returned:
        # What comes back has it already.
        own.stanza = stanza_id.stamped(own.stanza, frame.offline, frame.stanza_id)
    if not frame.stored:
        own.stored = True
        own.stanza = offline.waited(own.stanza, domain, frame.accepted_us)
    return Waiting(
        place + PER_FRAME - 1,
        frame.offline,
        name_of(frame, place),
        frame.accepted_us,
        bool(frame.stanza_id),
        own.SerializeToString(),
    )


def name_of(frame: Frame, place: int) -> str:
    """By which two copies of one message are known, that came back from two sessions."""
    return frame.stanza_id or f"{place:x}"
