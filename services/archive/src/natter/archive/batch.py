"""Entries of the archive's log taken apart, and what is to be written of them: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from google.protobuf.message import DecodeError
from natter.bus.api import Entry
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Envelope, Frame
from natter.storage.archive import Message, Waiting

from . import rows

NOBODY: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Item:
    """One frame of the log. `sequence` is its entry, `place` the first of its places in archives."""

    sequence: int
    place: int
    source: str
    frame: Frame

    @property
    def cause(self) -> tuple[int, int]:
        """Where it came from, as its source counts."""
        return self.frame.sequence, self.frame.index


def items(entry: Entry, seen: dict[str, tuple[int, int]]) -> list[Item]:
    """The frames of an entry that are new. ValueError: it is no envelope.

    `seen` is the highest cause of each source so far: a router that repeats itself is not heard twice (ADR 0001).
    """
    try:
        envelope = Envelope.FromString(entry.payload)
    except DecodeError:
        raise ValueError("not an envelope") from None
    found = []
    source = envelope.source
    for number, frame in enumerate(envelope.frames):
        item = Item(entry.sequence, entry.sequence << 16 | number * rows.PER_FRAME, source, frame)
        # A question may be asked again: whoever died with it has not answered.
        if frame.kind == KIND_MESSAGE and frame.sequence:
            if item.cause <= seen.get(source, (0, 0)):
                continue
            seen[source] = item.cause
        found.append(item)
    return found


@dataclass(slots=True)
class Batch:
    """What follows from some items."""

    kept: list[Message] = field(default_factory=list)
    late: list[Waiting] = field(default_factory=list)
    # Messages that cannot wait: their senders are told.
    refused: list[Item] = field(default_factory=list)
    # The highest cause of each source among them.
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)


def decide(
    taken: list[Item],
    exists: Mapping[str, bool],
    waiting: Mapping[str, int],
    *,
    domain: str,
    waiting_max: int,
    removed: Mapping[str, int] = NOBODY,
    wants: Callable[[str, str, str], bool] = lambda owner, bare, resource: True,
    search: bool = False,
) -> Batch:
    """`exists` for everybody whom something waits for, `waiting` how much waits for them already, `removed` when
    accounts ended: what was said until then is kept for nobody. `wants` is what owners want to have archived."""
    batch = Batch()
    more: dict[str, int] = {}
    for item in taken:
        frame = item.frame
        if frame.kind != KIND_MESSAGE:
            continue
        if frame.sequence:
            batch.seen[item.source] = item.cause
        owner = frame.offline
        if owner:
            count = waiting.get(owner, 0) + more.get(owner, 0)
            if exists[owner] and count < waiting_max:
                more[owner] = count + 1 - waiting.get(owner, 0)
                bare, _, resource = frame.sender.partition("/")
                archived = bool(frame.stanza_id) and wants(owner, bare, resource)
                batch.late.append(rows.waits(frame, item.place, domain, archived=archived))
            else:
                # XEP-0313 §6.1: what was refused is not in the archive of who refused it.
                batch.refused.append(item)
                if owner in frame.owners:
                    frame.owners.remove(owner)
        for message in rows.messages(frame, item.place, search=search):
            if message.time_us > removed.get(message.owner, 0) and wants(message.owner, message.peer, message.resource):
                batch.kept.append(message)
    return batch
