"""A frame found in a log, and what it has to do with the message that is looked for.  Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from natter.bus.api import Dated
from natter.bus.series import envelope_of
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.xmpp.element import parse
from natter.xmpp.errors import CONDITIONS
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps.stanza_id import NS

# Source, sequence and index, without the part that tells copies apart (natter.router.history).
Cause: TypeAlias = tuple[str, int, int]
_PART: Final = 15
_PREFIX: Final = "natter."
_GIVEN: Final = {f"{{{NS}}}stanza-id": "stanza-id", f"{{{NS}}}origin-id": "origin-id"}


class Role(Enum):
    """What a frame is to the message."""

    SAID = auto()  # in a lane: as it was accepted, or as it came back
    KEPT = auto()  # in the archive's log
    HANDED = auto()  # in a shard's log
    SENT = auto()  # in a gateway's log: the message itself
    COPY = auto()  # there: a carbon of it (XEP-0280)
    SHARED = auto()  # there: what a room made of it
    BOUNCE = auto()  # there: an error for its sender


@dataclass(frozen=True, slots=True)
class Sighting:
    """`log` is the subject without its beginning: "lane.3", "deliver.gateway-1-…", "archive.0", "shard.room.2"."""

    log: str
    entry: int
    position: int
    stored_us: int
    source: str
    frame: Frame

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.log}/{self.entry}"

    @property
    def cause(self) -> Cause:
        """Of what follows from the message: its place in the lane, which what follows from it names."""
        if self.log.startswith("lane."):
            return self.log, self.entry, self.position << 4
        return self.source, self.frame.sequence, self.frame.index & ~_PART


def messages_in(dated: Dated) -> Iterator[Sighting]:
    """The messages of one entry, those of a series one by one. None where it is no envelope."""
    entry = dated.entry
    try:
        envelope = envelope_of(entry.payload)
    except (DecodeError, ValueError):
        return
    log = entry.subject.removeprefix(_PREFIX)
    for position, frame in enumerate(envelope.frames):
        if frame.kind == KIND_MESSAGE:
            yield Sighting(log, entry.sequence, position, dated.stored_us, envelope.source, frame)


def found_by(frame: Frame, id: str) -> str:
    """How `id` names this message: "stanza-id", "origin-id" or "id"; "" where it does not."""
    if frame.stanza_id == id:
        return "stanza-id"
    if id.encode() in frame.stanza:
        for child in parse(frame.stanza):
            if child.get("id") == id and (word := _GIVEN.get(child.tag)) is not None:
                return word
    return "id" if frame.id == id else ""


def same(said: Frame, frame: Frame) -> bool:
    """Whether a frame is the message itself, wherever it stands: sessions count what they say."""
    return bool(said.session) and (frame.session, frame.inbound, frame.accepted_us) == (
        said.session,
        said.inbound,
        said.accepted_us,
    )


def role(said: Frame, one: Sighting, causes: Collection[Cause]) -> Role | None:
    """What a sighting is to the message `said`; None: nothing. `causes` are the message's own places in lanes."""
    frame, kind = one.frame, one.log.partition(".")[0]
    if same(said, frame):
        return {"lane": Role.SAID, "archive": Role.KEPT, "shard": Role.HANDED, "deliver": Role.SENT}[kind]
    if kind != "deliver" or frame.accepted_us != said.accepted_us:
        return None
    if (one.source, frame.sequence, frame.index & ~_PART) in causes:
        return Role.BOUNCE if frame.type == "error" and not frame.index & _PART else Role.COPY
    from_service = one.source.startswith(("archive", "room."))
    if from_service and frame.type == "error" and said.session in frame.sessions and frame.id == said.id:
        return Role.BOUNCE
    ours = bare_of(frame.sender) == bare_of(said.to) and frame.id in (said.id, "")
    return Role.SHARED if one.source.startswith("room.") and ours else None


_CONDITION: Final = re.compile(rb"<([a-z-]+) xmlns=['\"]urn:ietf:params:xml:ns:xmpp-stanzas['\"]")


def condition(stanza: bytes) -> str:
    """The condition of a stanza error (RFC 6120 §8.3.3), "" where there is none."""
    found = (name.decode() for name in _CONDITION.findall(stanza))
    return next((name for name in found if name in CONDITIONS), "")
