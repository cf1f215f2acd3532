"""What this gateway has done so far, written every few seconds for whoever takes its sessions over (ADR 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from natter.bus.api import Bus, BusError
from natter.bus.kv import Bucket
from natter.bus.subjects import CHECKPOINTS
from natter.proto.v1 import bus_pb2

from .former import as_marks
from .session import Session
from .unacked import Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

PART_BYTES_MAX = 400 * 1024
# What is written of so many sessions takes a millisecond; between two parts the loop turns.
PART_SESSIONS = 400
# So many are dealt to the parts between two turns.
DEALT_SESSIONS = 5000
# Written again after this time, though nothing has changed: the bucket forgets what is old.
REPEAT_SECONDS = 3600.0
# How long sessions that have moved are still told of: whoever has them may die before they are settled there.
DEPARTED_SECONDS = 60.0
# In the names of such parts, and no others.
DEPARTED = ".departed"


@dataclass(slots=True)
class Checkpoints:
    """The writer. `marks` is the table of highest causes that `Deliveries` keeps."""

    gateway: Gateway
    bus: Bus
    marks: Mapping[str, int]
    # The lane's end when this gateway began.
    lane_start: int = 0
    _bucket: Bucket = field(init=False)
    _written: dict[str, bytes] = field(default_factory=dict)
    # The last checkpoint that was written to its end.
    _told: tuple[bytes, ...] = ()
    _repeated: float = 0.0
    # Parts of the last checkpoint, and by key those parts of earlier ones that tell of departed sessions, with the loop
    # time at which they are forgotten.
    _last: list[bus_pb2.Checkpoint] = field(default_factory=list)
    _departed: dict[str, tuple[float, bytes]] = field(default_factory=dict)
    _departures: int = 0

    def __post_init__(self) -> None:
        self._bucket = Bucket(self.bus, CHECKPOINTS)

    async def run(self, seconds: float) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.write()
            except BusError:
                # The one before holds on; reading on from it only takes longer.
                continue

    def done(self) -> int:
        """The highest entry of the delivery log that nobody who reads the checkpoint needs."""
        parts = [bus_pb2.Checkpoint.FromString(part) for part in self._told]
        needed = [state.since for part in parts for state in part.sessions if state.since]
        needed += [place >> 16 for part in parts for state in part.sessions for place in state.places]
        return min([*(part.delivered for part in parts), *(sequence - 1 for sequence in needed)], default=0)

    async def write(self) -> None:
        """One checkpoint, if anything has changed."""
        now = self.gateway.loop.time()
        if now - self._repeated > REPEAT_SECONDS:
            self._repeated = now
            self._written.clear()
        parts = await self._parts()
        # Only now: who has gone meanwhile may not be in them.
        departed, self.gateway.departed = self.gateway.departed, set()
        self._remember(departed, now)
        # What was counted is in the lane now, or it is not counted.
        stored = asyncio.Event()
        self.gateway.lane.when_stored(stored.set)
        await stored.wait()
        # The departed first: they are never missing.
        wanted = {name: part for name, (_, part) in self._departed.items()}
        wanted |= {f"{self.gateway.incarnation}.{name}": part.SerializeToString() for name, part in parts.items()}
        for name, part in wanted.items():
            if self._written.get(name) != part:
                await self._bucket.put(name, part)
                self._written[name] = part
        for name in [name for name in self._written if name not in wanted]:
            await self._bucket.delete(name)
            del self._written[name]
        self._last = list(parts.values())
        self._told = tuple(wanted.values())

    def _remember(self, departed: set[str], now: float) -> None:
        """Keep what the last checkpoint says of sessions that have moved since; it stays true of them."""
        for name in [name for name, (until, _) in self._departed.items() if until < now]:
            del self._departed[name]
        if not departed:
            return
        for number, part in enumerate(self._last):
            gone = [state for state in part.sessions if state.session in departed]
            # The first one also for sessions that it does not know: they begin behind it.
            if gone or not number:
                kept = bus_pb2.Checkpoint(delivered=part.delivered, lane_sequence=part.lane_sequence, marks=part.marks)
                kept.sessions.extend(gone)
                self._departures += 1
                name = f"{self.gateway.incarnation}{DEPARTED}{self._departures}"
                self._departed[name] = (now + DEPARTED_SECONDS, kept.SerializeToString())

    async def _parts(self) -> dict[str, bus_pb2.Checkpoint]:
        """By name. Each is true as of its own moment; the first knows no session, and is older than the others.

        A session is in a part of the same name as long as there are as many parts: it is in all that a reader finds,
        though only some have been written anew.
        """
        parts = {"head": self._head()}
        resumable = self.gateway.resumable
        arriving = (s for s in self.gateway.takeovers.arriving() if s.managed is None or s.managed.id not in resumable)
        sessions = [*resumable.values(), *arriving]
        count = 1
        while count * PART_SESSIONS < len(sessions):
            count *= 2
        dealt: list[list[Session]] = [[] for _ in range(count)]
        for number, session in enumerate(sessions):
            if number and not number % DEALT_SESSIONS:
                await asyncio.sleep(0)
            dealt[crc32(session.id.encode()) % count].append(session)
        for number, hand in enumerate(dealt):
            if number:
                await asyncio.sleep(0)
            parts |= {f"{count}-{number}-{n}": part for n, part in enumerate(self._part(hand))}
        return parts

    def _part(self, sessions: list[Session]) -> Iterator[bus_pb2.Checkpoint]:
        """What is to be said of them, in portions that fit into a message."""
        part, size = self._head(), 0
        for session in sessions:
            if session.over:
                continue
            state = self._state(session)
            size += state.ByteSize() + 8
            if size > PART_BYTES_MAX and part.sessions:
                yield part
                part, size = self._head(), state.ByteSize() + 8
            part.sessions.append(state)
        if part.sessions:
            yield part

    def _head(self) -> bus_pb2.Checkpoint:
        gateway = self.gateway
        return bus_pb2.Checkpoint(
            delivered=gateway.cursor.sequence,
            lane_sequence=gateway.lane.last_sequence or self.lane_start,
            marks=as_marks(self.marks),
        )

    def _state(self, session: Session) -> bus_pb2.SessionState:
        outbox = session.outbox
        since = self.gateway.takeovers.since(session.id)
        inbound = session.inbound
        if session.held:
            # What waits for the directory is not in the lane.
            first = next((held.frame for held in session.held if held.frame is not None), None)
            if first is not None:
                inbound = (first.inbound - 1) & 0xFFFFFFFF
        if since or not isinstance(outbox, Unacked):
            return bus_pb2.SessionState(session=session.id, since=since, inbound=inbound)
        state = bus_pb2.SessionState(session=session.id, inbound=inbound, acknowledged=outbox.acknowledged)
        if outbox.oldest:
            state.places.extend(outbox.places)
        return state
