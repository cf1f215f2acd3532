"""What this gateway has done so far, written every few seconds for whoever takes its sessions over (ADR 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

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
# Written again after this time, though nothing has changed: the bucket forgets what is old.
REPEAT_SECONDS = 3600.0
# How long sessions that have moved are still told of: whoever has them may die before they are settled there.
DEPARTED_SECONDS = 60.0


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
        parts = list(self._parts())
        departed, self.gateway.departed = self.gateway.departed, set()
        self._remember(departed, now)
        # What was counted is in the lane now, or it is not counted.
        stored = asyncio.Event()
        self.gateway.lane.when_stored(stored.set)
        await stored.wait()
        # The departed first: they are never missing.
        wanted = {name: part for name, (_, part) in self._departed.items()}
        wanted |= {f"{self.gateway.incarnation}.{n}": part.SerializeToString() for n, part in enumerate(parts)}
        for name, part in wanted.items():
            if self._written.get(name) != part:
                await self._bucket.put(name, part)
                self._written[name] = part
        for name in [name for name in self._written if name not in wanted]:
            await self._bucket.delete(name)
            del self._written[name]
        self._last = parts
        self._told = tuple(wanted.values())

    def _remember(self, departed: set[str], now: float) -> None:
        """Keep what the last checkpoint says of sessions that have moved since; it stays true of them."""
        for name in [name for name, (until, _) in self._departed.items() if until < now]:
            del self._departed[name]
        if not departed:
            return
        for number, part in enumerate(self._last):
            kept = bus_pb2.Checkpoint()
            kept.CopyFrom(part)
            del kept.sessions[:]
            kept.sessions.extend(state for state in part.sessions if state.session in departed)
            # The first one also for sessions that it does not know: they begin behind it.
            if kept.sessions or not number:
                self._departures += 1
                name = f"{self.gateway.incarnation}.departed{self._departures}"
                self._departed[name] = (now + DEPARTED_SECONDS, kept.SerializeToString())

    def _parts(self) -> Iterator[bus_pb2.Checkpoint]:
        head = bus_pb2.Checkpoint(
            delivered=self.gateway.cursor.sequence,
            lane_sequence=self.gateway.lane.last_sequence or self.lane_start,
            marks=as_marks(self.marks),
        )
        part = bus_pb2.Checkpoint()
        part.CopyFrom(head)
        size = 0
        resumable = self.gateway.resumable
        arriving = (s for s in self.gateway.takeovers.arriving() if s.managed is None or s.managed.id not in resumable)
        for session in chain(resumable.values(), arriving):
            state = self._state(session)
            size += state.ByteSize() + 8
            if size > PART_BYTES_MAX:
                yield part
                part = bus_pb2.Checkpoint()
                part.CopyFrom(head)
                size = state.ByteSize()
            part.sessions.append(state)
        yield part

    def _state(self, session: Session) -> bus_pb2.SessionState:
        outbox = session.outbox
        since = self.gateway.takeovers.since(session.id)
        inbound = session.inbound
        # What waits for the directory is not in the lane.
        first = next((held.frame for held in session.held if held.frame is not None), None)
        if first is not None:
            inbound = (first.inbound - 1) & 0xFFFFFFFF
        if since or not isinstance(outbox, Unacked):
            return bus_pb2.SessionState(session=session.id, since=since, inbound=inbound)
        return bus_pb2.SessionState(
            session=session.id,
            inbound=inbound,
            acknowledged=outbox.acknowledged,
            places=outbox.places,
        )
