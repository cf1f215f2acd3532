"""The rooms of one shard in memory: loaded on demand from snapshot and journal, forgotten when idle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from natter.bus.api import Entry
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.proto.v1 import room_pb2

from .room import archive_id
from .room.evolve import fold
from .room.past import Pending
from .room.state import Room
from .sealing import Seal

KIND: Final = "room"
LOADS_MAX: Final = 64
# Rooms put to rest in one round.
REST_AT_ONCE_MAX: Final = 5_000
# Of one room that cannot be snapshot: above it the archive has a gap.
PENDING_ENTRIES_MAX: Final = 20_000


@dataclass(slots=True)
class Loaded:
    """A room in memory. `revision` is that of its last event."""

    room: Room
    revision: int
    # Events since the newest snapshot that was taken or is about to be.
    events: int = 0
    # The round in which it was used last.
    used: int = 0
    # Entries that no chapter has yet, the oldest first.
    pending: deque[Pending] = field(default_factory=deque)
    pending_bytes: int = 0

    def append(self, before: Room, room: Room, revision: int, payload: bytes, count: int) -> None:
        """The room has another entry, of so many events, and is like this after it."""
        reached = before.archived if before.secret == room.secret else 0
        self.pending.append(Pending(revision, payload, reached, room.archived, archive_id.life(room.secret)))
        self.pending_bytes += len(payload)
        if len(self.pending) > PENDING_ENTRIES_MAX:
            self.pending_bytes -= len(self.pending.popleft().payload)
        self.room, self.revision = room, revision
        self.events += count

    def kept(self, revision: int) -> None:
        """Chapters have everything up to a revision."""
        while self.pending and self.pending[0].revision <= revision:
            self.pending_bytes -= len(self.pending.popleft().payload)


@dataclass(frozen=True, slots=True)
class Past:
    """What was read of a room: its state at a revision, and the journal entries behind that."""

    room: Room
    revision: int
    entries: tuple[Entry, ...]


class Rooms:
    """Loaded rooms by JID, the longest unused first."""

    def __init__(self, journal: Journal, snapshots: Snapshots, *, loaded_max: int, seal: Seal | None = None) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self._loaded_max = loaded_max
        self._seal = seal if seal is not None else Seal()
        self._rooms: OrderedDict[str, Loaded] = OrderedDict()
        # Rounds of upkeep, by which idleness is told.
        self.round = 0

    def get(self, jid: str) -> Loaded | None:
        """The room if it is loaded; it counts as used."""
        loaded = self._rooms.get(jid)
        if loaded is not None:
            loaded.used = self.round
            self._rooms.move_to_end(jid)
        return loaded

    def rest(self, rounds: int, busy: Container[str]) -> int:
        """Put to rest what was not used for so many rounds and has nobody in it; how many. Begins a new round."""
        self.round += 1
        idle: list[str] = []
        for jid, loaded in self._rooms.items():
            if loaded.used > self.round - rounds:
                # All behind it were used later.
                break
            if not loaded.room.occupants and jid not in busy:
                idle.append(jid)
        for jid in idle[:REST_AT_ONCE_MAX]:
            del self._rooms[jid]
        return len(idle)

    def peek(self, jid: str) -> Loaded | None:
        """The room if it is loaded; it does not count as used."""
        return self._rooms.get(jid)

    def keep(self, jid: str, loaded: Loaded) -> None:
        """Hold a room that was loaded elsewhere."""
        loaded.used = self.round
        self._rooms[jid] = loaded
        self._rooms.move_to_end(jid)

    def __len__(self) -> int:
        return len(self._rooms)

    async def load(self, jids: Iterable[str]) -> None:
        """Have these rooms in memory, all at once."""
        missing = [jid for jid in dict.fromkeys(jids) if jid not in self._rooms]
        for start in range(0, len(missing), LOADS_MAX):
            pasts = await asyncio.gather(*(self.read(jid) for jid in missing[start : start + LOADS_MAX]))
            for past in pasts:
                self.keep(past.room.jid, present(past))

    async def read(self, jid: str) -> Past:
        """A room's past from its newest snapshot on."""
        room, revision = Room(jid), 0
        found = await self._snapshots.get(KIND, jid)
        if found is not None:
            revision, room = found[0], self._seal.room(found[1])
        entries = await self._journal.load(KIND, jid, after=revision)
        return Past(room, revision, tuple(replace(e, payload=self._seal.opened(e.payload)) for e in entries))

    def trim(self, busy: Container[str]) -> None:
        """Forget the longest unused rooms above the limit; not those that are being worked on."""
        excess = len(self._rooms) - self._loaded_max
        if excess > 0:
            for jid in [jid for jid in self._rooms if jid not in busy][:excess]:
                del self._rooms[jid]

    def forget(self, jid: str, revision: int) -> None:
        """A room's journal is gone up to this revision: where nothing came after it, it starts anew."""
        loaded = self._rooms.get(jid)
        if loaded is not None and loaded.revision == revision:
            del self._rooms[jid]


def present(past: Past) -> Loaded:
    """A room as it is now."""
    loaded = Loaded(past.room, past.revision)
    for entry in past.entries:
        events = room_pb2.RoomEvents.FromString(entry.payload).events
        loaded.append(loaded.room, fold(loaded.room, events), entry.sequence, entry.payload, len(events))
    return loaded
