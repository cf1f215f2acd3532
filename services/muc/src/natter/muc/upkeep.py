"""A shard's upkeep, once a second: delivered position, snapshots, the list of rooms, journals of destroyed rooms."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from natter.bus import subjects
from natter.bus.api import Bus, BusError, WrongRevision
from natter.bus.journal import Journal
from natter.bus.progress import Progress
from natter.bus.snapshot import SNAPSHOT_BYTES_MAX, Snapshots

from .chapters import Chapters
from .marks import Marks
from .recovery import OutPosition
from .room import archive_id
from .room.state import Room
from .roomlist import RoomList
from .rooms import KIND, Loaded, Rooms, present
from .sealing import Seal

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
# Rooms whose snapshot or purge is done in one tick; the others wait for the next.
ROOMS_PER_TICK_MAX: Final = 200
# Bytes of entries in memory at which a room is snapshot, however few events they are.
SNAPSHOT_PENDING_BYTES: Final = 2 << 20
# Ended rooms whose past waits to be forgotten; that of more is forgotten by age.
ENDED_MAX: Final = 10_000
# What the position waits for does not come if the log that had it was lost.
PATIENCE_TICKS: Final = 60
# Of a shard in which nothing happens, only every so manieth tick asks how far the others have come.
QUIET_TICKS: Final = 10


@dataclass(slots=True)
class Upkeep:
    """Called by the shard's worker. `turns` counts the worker's turns; `idle` says whether nothing is under way."""

    bus: Bus
    journal: Journal
    snapshots: Snapshots
    rooms: Rooms
    roomlist: RoomList
    position: OutPosition
    marks: Marks
    # The position of the shard's inputs that is stored.
    saved: Callable[[], int]
    delivered: Progress
    snapshot_events: int
    forget_seconds: float
    idle: Callable[[], bool]
    turns: Callable[[], int]
    now_us: Callable[[], int]
    # Ticks after which a room that nobody is in, and that nobody used, is put to rest.
    rest_rounds: int = 300
    # Where the past of rooms goes; None: nowhere.
    chapters: Chapters | None = None
    seal: Seal = field(default_factory=Seal)
    # Revision, and time of the end or of what is kept of it, by destroyed room.
    destroyed: dict[str, tuple[int, int]] = field(default_factory=dict)
    # Where the position is moved to once what has led there cannot be decided again.
    _candidate: int = 0
    _wanted: dict[str, int] = field(default_factory=dict)
    _patience: int = 0
    # Turns when the journals' end was asked for last, and ticks since then.
    _asked_at: int = -1
    _ticks: int = 0
    # States worth a snapshot, by room, with their revision.
    _states: dict[str, tuple[int, Room]] = field(default_factory=dict)
    # Rooms in which something was taken back since.
    _taken_back: set[str] = field(default_factory=set)
    # Lives of rooms that are over, whose chapters are to be forgotten.
    _ended: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=ENDED_MAX))

    def applied(self, jid: str, loaded: Loaded, before: Room, now_us: int) -> None:
        """A room has new events."""
        if before.exists and before.secret != loaded.room.secret:
            self._ended.append((jid, archive_id.life(before.secret)))
            self._states.pop(jid, None)
        if not loaded.room.exists:
            self._states.pop(jid, None)
            stone = loaded.room.tombstone
            self.destroyed[jid] = (loaded.revision, now_us if stone is None else max(now_us, stone.until_us))
            return
        self.destroyed.pop(jid, None)
        worth_it = loaded.events >= self.snapshot_events or loaded.pending_bytes >= SNAPSHOT_PENDING_BYTES
        if worth_it and jid not in self._states:
            loaded.events = 0
            self._states[jid] = (loaded.revision, loaded.room)

    def forget_soon(self, jid: str) -> None:
        """Something was taken back in a room: its journal and its snapshot are to forget it soon (ADR 25)."""
        self._taken_back.add(jid)

    async def tick(self) -> None:
        """One round. `WrongRevision`: the shard has another holder."""
        try:
            # Whoever repeats an input finds its events among those that are read again, or its mark.
            self._patience -= 1
            if self.marks.stored(self._wanted, self.saved()) or self._patience < 0:
                await self.position.save(self._candidate)
                self._candidate = await self._delivered()
                self._wanted, self._patience = self.marks.wanted(), PATIENCE_TICKS
            self._take_states()
            await self._write_snapshots()
            await self.roomlist.flush()
            await self._forget()
            if self.idle():
                self.rooms.rest(self.rest_rounds, self._states)
        except WrongRevision:
            raise
        except BusError as error:
            log.debug("upkeep waits for the bus: %r", error)

    async def close(self) -> None:
        """Save what is sure."""
        try:
            if self.marks.stored(self.marks.wanted(), self.saved()):
                await self.position.save(max(self._candidate, self.delivered.position))
            await self.roomlist.flush()
        except BusError as error:
            log.debug("delivered position not saved: %r", error)

    async def _delivered(self) -> int:
        """The highest journal sequence up to which all deliveries of this shard are stored."""
        known = max(self._candidate, self.delivered.position)
        if not self.idle():
            return known
        turns = self.turns()
        self._ticks += 1
        if turns == self._asked_at and self._ticks < QUIET_TICKS:
            return known
        last = await self.bus.last_sequence(subjects.JOURNALS)
        if not self.idle() or self.turns() != turns:
            return known
        self._asked_at, self._ticks = turns, 0
        # Whatever other shards wrote meanwhile owes nothing here.
        return max(known, last)

    def _take_states(self) -> None:
        """Those of rooms in which something was taken back; where one waits already, the next comes behind it."""
        for jid in [jid for jid in self._taken_back if jid not in self._states]:
            self._taken_back.discard(jid)
            loaded = self.rooms.peek(jid)
            if loaded is not None and loaded.room.exists:
                loaded.events = 0
                self._states[jid] = (loaded.revision, loaded.room)

    async def _write_snapshots(self) -> None:
        # Only of what is delivered: a state cannot be rolled back to render what came before it.
        ready = [jid for jid, (revision, _) in self._states.items() if revision <= self.position.value]
        for jid in ready[:ROOMS_PER_TICK_MAX]:
            revision, room = self._states[jid]
            state = self.seal.snapshot(room)
            if len(state) > SNAPSHOT_BYTES_MAX:
                log.error("a room is too large for a snapshot")
                del self._states[jid]
                continue
            # What the journal forgets then, the past has before.
            await self._write_chapters(jid, room, state, revision)
            await self.snapshots.put(KIND, jid, revision, state)
            await self.journal.truncate(KIND, jid, revision)
            self._states.pop(jid, None)
            loaded = self.rooms.peek(jid)
            if loaded is not None:
                loaded.kept(revision)

    async def _write_chapters(self, jid: str, room: Room, state: bytes, revision: int) -> None:
        if self.chapters is None:
            return
        loaded = self.rooms.peek(jid)
        if loaded is None:
            # Put to rest meanwhile: what it had in memory is in its journal.
            loaded = present(await self.rooms.read(jid))
        await self.chapters.keep(room, tuple(loaded.pending), state, revision, self.now_us())

    async def _forget(self) -> None:
        """Purge the journals of rooms that ended long ago, when no frame from that time can come again."""
        while self._ended and self.chapters is not None:
            await self.chapters.forget(*self._ended[0])
            self._ended.popleft()
        limit = self.now_us() - int(self.forget_seconds * 1_000_000)
        over = [
            jid
            for jid, (revision, time_us) in self.destroyed.items()
            if time_us < limit and revision <= self.position.value
        ]
        for jid in over[:ROOMS_PER_TICK_MAX]:
            revision, _ = self.destroyed.pop(jid)
            if self.chapters is not None:
                await self.chapters.forget(jid)
            await self.snapshots.delete(KIND, jid)
            await self.journal.truncate(KIND, jid, revision + 1)
            self.rooms.forget(jid, revision)
