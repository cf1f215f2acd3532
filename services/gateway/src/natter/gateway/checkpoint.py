"""What this gateway has done so far, written every few seconds for whoever takes its sessions over (ADR 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from natter.bus.api import Bus, BusError
from natter.bus.kv import Bucket
from natter.bus.subjects import CHECKPOINTS
from natter.proto.v1 import bus_pb2

from .session import Session
from .unacked import Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

PART_BYTES_MAX = 400 * 1024
# Written again after this time, though nothing has changed: the bucket forgets what is old.
REPEAT_SECONDS = 3600.0


@dataclass(slots=True)
class Checkpoints:
    """The writer. `marks` is the table of highest causes that `Deliveries` keeps."""

    gateway: Gateway
    bus: Bus
    marks: Mapping[str, int]
    # The lane's end when this gateway began.
    lane_start: int = 0
    _bucket: Bucket = field(init=False)
    _written: dict[int, bytes] = field(default_factory=dict)
    _repeated: float = 0.0

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
        parts = [bus_pb2.Checkpoint.FromString(part) for part in self._written.values()]
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
        # What was counted is in the lane now, or it is not counted.
        stored = asyncio.Event()
        self.gateway.lane.when_stored(stored.set)
        await stored.wait()
        for number, part in enumerate(parts):
            if self._written.get(number) != part:
                await self._bucket.put(f"{self.gateway.incarnation}.{number}", part)
                self._written[number] = part
        for number in range(len(parts), len(self._written)):
            await self._bucket.delete(f"{self.gateway.incarnation}.{number}")
            del self._written[number]

    def _parts(self) -> Iterator[bytes]:
        head = bus_pb2.Checkpoint(
            delivered=self.gateway.cursor.sequence,
            lane_sequence=self.gateway.lane.last_sequence or self.lane_start,
            marks=(
                bus_pb2.Mark(source=source, sequence=mark >> 32, index=mark & 0xFFFFFFFF)
                for source, mark in self.marks.items()
            ),
        )
        part = bus_pb2.Checkpoint()
        part.CopyFrom(head)
        size = 0
        for session in self.gateway.resumable.values():
            state = self._state(session)
            size += state.ByteSize() + 8
            if size > PART_BYTES_MAX:
                yield part.SerializeToString(deterministic=True)
                part.CopyFrom(head)
                size = state.ByteSize()
            part.sessions.append(state)
        yield part.SerializeToString(deterministic=True)

    def _state(self, session: Session) -> bus_pb2.SessionState:
        outbox = session.outbox
        since = self.gateway.takeovers.since(session.id)
        if since or not isinstance(outbox, Unacked):
            return bus_pb2.SessionState(session=session.id, since=since)
        inbound = session.inbound
        # What waits for the directory is not in the lane.
        first = next((held.frame for held in session.held if held.frame is not None), None)
        if first is not None:
            inbound = (first.inbound - 1) & 0xFFFFFFFF
        return bus_pb2.SessionState(
            session=session.id,
            inbound=inbound,
            acknowledged=outbox.acknowledged,
            places=outbox.places,
        )
