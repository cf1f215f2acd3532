"""A room as it was: folded from its chapters and its journal up to a moment."""

from __future__ import annotations

from typing import Final

from natter.bus import subjects
from natter.bus.api import Bus, NoStream
from natter.proto.v1 import room_pb2

from .room import snapshot
from .room.evolve import evolve
from .room.state import Room
from .rooms import Rooms

_PARTS_PER_READ: Final = 16
# Parts without a state between two with one: a part is bounded in bytes, and so is what a state covers.
_PARTS_PER_STATE_MAX: Final = 256


class Unknown(Exception):
    """What is kept of the room begins later."""


async def state_at(bus: Bus, rooms: Rooms, jid: str, time_us: int) -> Room:
    """The room at a moment. `Unknown` before what is kept of it."""
    # The journal first: what it forgets meanwhile is in chapters by then.
    now = await rooms.read(jid)
    journal = [room_pb2.ChapterEntry(revision=e.sequence, events=e.payload) for e in now.entries]
    sequence, base = await _base(bus, jid, time_us)
    room, revision = (snapshot.decode(base.state), base.revision) if base is not None else (Room(jid), 0)
    if base is None and sequence < 0 and now.revision:
        # No chapters at all: only what the newest snapshot says and what came behind it.
        room, revision = now.room, now.revision
        first = room_pb2.RoomEvents.FromString(journal[0].events).events if journal else ()
        if not first or first[0].time_us > time_us:
            raise Unknown
    known = revision > 0
    entries: dict[int, bytes] = {}
    while found := await _read(bus, jid, sequence):
        sequence = found[-1][0]
        parts = [part for _, part in found]
        entries |= {e.revision: e.events for part in parts for e in part.entries if e.revision > revision}
        if any(part.entries and _ends(part.entries[-1].events) > time_us for part in parts):
            break
    else:
        entries |= {e.revision: e.events for e in journal if e.revision > revision}
    for number in sorted(entries):
        for event in room_pb2.RoomEvents.FromString(entries[number]).events:
            known = known or event.HasField("room_created")
            if not known:
                raise Unknown
            if event.time_us > time_us:
                return room
            room = evolve(room, event)
    return room


def _ends(payload: bytes) -> int:
    """The time of an entry's last event."""
    events = room_pb2.RoomEvents.FromString(payload).events
    return events[-1].time_us if events else 0


async def _base(bus: Bus, jid: str, time_us: int) -> tuple[int, room_pb2.RoomChapter | None]:
    """The newest state that was kept by then, and the sequence of its part; 0 where the first is younger, -1: none."""
    low, high = 0, await _last(bus)
    first = await _next_state(bus, jid, 0)
    if first is None:
        return -1, None
    if first[1].state_us > time_us:
        return 0, None
    best = first
    low = first[0]
    # Of the parts behind `low`, the newest that is old enough: by bisection over the js_stream.
    while low < high:
        middle = (low + high + 1) // 2
        found = await _next_state(bus, jid, middle - 1)
        if found is not None and found[1].state_us <= time_us:
            best, low = found, max(middle, found[0])
        else:
            high = middle - 1
    return best


async def _last(bus: Bus) -> int:
    try:
        return await bus.last_sequence(subjects.CHAPTERS)
    except NoStream:
        # This system keeps no past.
        return 0


async def _next_state(bus: Bus, jid: str, after: int) -> tuple[int, room_pb2.RoomChapter] | None:
    for _ in range(_PARTS_PER_STATE_MAX):
        found = await _read(bus, jid, after, limit=1)
        if not found:
            return None
        if found[0][1].state:
            return found[0]
        after = found[0][0]
    return None


async def _read(
    bus: Bus, jid: str, after: int, *, limit: int = _PARTS_PER_READ
) -> list[tuple[int, room_pb2.RoomChapter]]:
    try:
        found = await bus.read(subjects.CHAPTERS, subjects.chapters(jid), after=max(0, after), limit=limit)
    except NoStream:
        return []
    return [(entry.sequence, room_pb2.RoomChapter.FromString(entry.payload)) for entry in found]
