"""Opening a shard: which rooms it has, who is in them, and sending again what the last holder may not have sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from natter.bus import subjects
from natter.bus.api import Bus, Entry
from natter.bus.kv import Bucket
from natter.proto.v1 import room_pb2
from natter.telemetry import names

from .census import ENTRIES_AT_ONCE
from .marks import Marks
from .occupancy import Occupancy
from .room.evolve import evolve
from .room.render import render
from .room.request import Cause, Output
from .room.state import Room
from .roomlist import RoomList
from .rooms import LOADS_MAX, Loaded, Past, Rooms, present
from .shardwork import Seen


@dataclass(slots=True)
class OutPosition:
    """The journal position up to which all deliveries are stored, as the bus keeps it."""

    bucket: Bucket
    key: str
    value: int = 0
    revision: int = 0

    async def take(self, bus: Bus) -> int:
        """Read it and write it again: an earlier holder that believes in itself cannot move it any more."""
        found = await self.bucket.get(self.key)
        if found is None:
            # The shard was never held: what is in the journals up to now owes nothing to anybody here.
            self.value = await bus.last_sequence(subjects.JOURNALS)
            self.revision = await self.bucket.create(self.key, str(self.value).encode())
        else:
            self.value = int(found.value)
            self.revision = await self.bucket.update(self.key, found.value, found.revision)
        return self.value

    async def save(self, value: int) -> None:
        """Move it forward. `WrongRevision`: somebody else has opened the shard."""
        if value > self.value:
            self.revision = await self.bucket.update(self.key, str(value).encode(), self.revision)
            self.value = value


@dataclass(slots=True)
class Repeat:
    """The outputs of one journal entry, to be sent again."""

    sequence: int
    outputs: list[Output]


@dataclass(slots=True)
class Recovery:
    """Reads what a shard's journals say."""

    rooms: Rooms
    occupancy: Occupancy
    roomlist: RoomList
    seen: Seen
    mine: Callable[[str], bool]
    marks: Marks
    # Destroyed rooms whose journal is still there: revision and time of the end.
    destroyed: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def run(self, position: int, entries: Iterable[Entry]) -> list[Repeat]:
        """Learn the shard's rooms; what lies behind `position` in their journals comes back as outputs, in order.

        `entries`: the newest of every room, see `census`.
        """
        needed: list[str] = []
        existing: set[str] = set()
        for place, entry in enumerate(entries):
            if place % ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
            summary = room_pb2.RoomEvents.FromString(entry.payload).summary
            if not self.mine(summary.jid):
                continue
            existing.add(summary.jid)
            self.roomlist.want(summary)
            if not summary.exists:
                self.destroyed[summary.jid] = (entry.sequence, max(summary.time_us, summary.tombstone_us))
            if summary.occupants or entry.sequence > position:
                needed.append(summary.jid)
        self._strike(existing)
        repeats: list[Repeat] = []
        for start in range(0, len(needed), LOADS_MAX):
            pasts = await asyncio.gather(*(self.rooms.read(jid) for jid in needed[start : start + LOADS_MAX]))
            for past in pasts:
                repeats += self._replay(past, position)
        repeats.sort(key=lambda repeat: repeat.sequence)
        names.MUC_REPEATED.add(by=sum(len(repeat.outputs) for repeat in repeats))
        return repeats

    def _strike(self, existing: set[str]) -> None:
        """Take rooms off the list that have no journal any more."""
        for jid in self.roomlist.jids():
            if jid not in existing and self.mine(jid):
                self.roomlist.want(room_pb2.RoomSummary(jid=jid))

    def _replay(self, past: Past, position: int) -> list[Repeat]:
        """Fold a room; render what comes after `position`."""
        loaded = present(Past(past.room, past.revision, tuple(e for e in past.entries if e.sequence <= position)))
        repeats = [self._again(loaded, entry) for entry in past.entries if entry.sequence > position]
        self.rooms.keep(past.room.jid, loaded)
        self.occupancy.note(Room(past.room.jid), loaded.room)
        return repeats

    def _again(self, loaded: Loaded, entry: Entry) -> Repeat:
        outputs: list[Output] = []
        events = room_pb2.RoomEvents.FromString(entry.payload).events
        room = loaded.room
        for event in events:
            after = evolve(room, event)
            outputs += render(room, event, after)
            room = after
            self.seen.add(Cause(event.source, event.sequence, event.index, event.accepted_us), room.jid)
            self.marks.learn(event.source, event.sequence, event.index)
        loaded.append(loaded.room, room, entry.sequence, entry.payload, len(events))
        return Repeat(entry.sequence, outputs)
