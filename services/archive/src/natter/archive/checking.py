"""What the log says beside what the database has: rows that are missing, changed or too much. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from natter.bus.api import Entry
from natter.proto.v1.bus_pb2 import KIND_MESSAGE
from natter.storage.archive import Message

from . import rows
from .batch import items

Key = tuple[str, str]
# The sender's clock is the gateway's: so much older than the log's first message a row may be and yet belong to it.
CLOCK_US: Final = 60_000_000


@dataclass(slots=True)
class Replay:
    """Rows that follow from entries of the log, by owner and id."""

    rows: dict[Key, Message] = field(default_factory=dict)
    # Those that were perhaps not taken: their owner was away, and there may have been no room or no such account.
    perhaps: set[Key] = field(default_factory=set)
    oldest_us: int = 0


def replayed(entries: Iterable[Entry], *, search: bool) -> Replay:
    """What a worker makes of these entries."""
    found = Replay()
    seen: dict[str, dict[str, tuple[int, int]]] = {}
    for entry in entries:
        try:
            taken = items(entry, seen.setdefault(entry.subject, {}))
        except ValueError:
            continue
        for item in taken:
            frame = item.frame
            if frame.kind != KIND_MESSAGE:
                continue
            found.oldest_us = min(found.oldest_us or frame.accepted_us, frame.accepted_us)
            for message in rows.messages(frame, item.place, search=search):
                key = message.owner, message.id
                found.rows.setdefault(key, message)
                if frame.offline == message.owner:
                    found.perhaps.add(key)
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What differs. `changed` are rows as they should be."""

    missing: list[Message]
    changed: list[Message]
    surplus: list[Message]
    unjudged: int


def compared(
    replay: Replay,
    there: Mapping[Key, Message],
    *,
    excused: Callable[[Message], bool],
    belongs: Callable[[Message], bool],
) -> Verdict:
    """`there`: rows of the same stretch, and those of the replay wherever they are. `excused`: whether a row that is
    missing may be; `belongs`: whether one without an entry must have had one."""
    missing, changed, surplus = [], [], []
    unjudged = 0
    for key, wanted in replay.rows.items():
        row = there.get(key)
        if row is not None:
            # What was repeated stands where it came first; words depend on a setting that may have changed.
            wanted = replace(wanted, position=min(wanted.position, row.position), body=row.body)
            if row != wanted:
                changed.append(wanted)
        elif key in replay.perhaps or excused(wanted):
            unjudged += 1
        else:
            missing.append(wanted)
    for key, row in there.items():
        if key in replay.rows:
            continue
        if row.time_us >= replay.oldest_us - CLOCK_US and belongs(row):
            surplus.append(row)
        else:
            unjudged += 1
    return Verdict(missing, changed, surplus, unjudged)
