"""What every source had said to sessions before they came here, for whoever takes them over before they have settled.

Marks are a gateway's own, and say something of a session only if they were written down while it was there: what a
source says to one session here may be older than what it says to another there. So they are copied once, before the
claim (ADR 0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from natter.bus.api import Bus, BusError
from natter.bus.kv import Bucket
from natter.bus.subjects import CHECKPOINTS
from natter.proto.v1 import bus_pb2

# A session that has settled is told of in the next checkpoint; whoever reads the one before may still look here.
KEEP_SECONDS = 30.0


def key(gateway: str, number: int) -> str:
    """Where they stand; not among the gateway's checkpoints."""
    return f"{gateway}.former.{number}"


def marks_of(part: bus_pb2.Checkpoint) -> dict[str, int]:
    """By source, the highest cause: sequence << 32 | index."""
    return {mark.source: mark.sequence << 32 | mark.index for mark in part.marks}


def as_marks(marks: Mapping[str, int]) -> list[bus_pb2.Mark]:
    """The way back."""
    return [bus_pb2.Mark(source=source, sequence=mark >> 32, index=mark & 0xFFFFFFFF) for source, mark in marks.items()]


async def read(bus: Bus, gateway: str, number: int) -> dict[str, int]:
    """What stands there; nothing, if it is gone."""
    found = await Bucket(bus, CHECKPOINTS).get(key(gateway, number))
    return marks_of(bus_pb2.Checkpoint.FromString(found.value)) if found is not None else {}


@dataclass(slots=True)
class Former:
    """The writer. Sessions that come from one gateway at one time share an entry."""

    bus: Bus
    incarnation: str
    _bucket: Bucket = field(init=False)
    # By digest: number, and the write.
    _written: dict[bytes, tuple[int, asyncio.Task[int]]] = field(default_factory=dict)
    # Loop time since which nobody needs them.
    _idle: dict[bytes, float] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._bucket = Bucket(self.bus, CHECKPOINTS)

    async def write(self, marks: Mapping[str, int]) -> int:
        """The entry's number once it is stored; 0: there is nothing to write. `BusError`."""
        if not marks:
            return 0
        part = bus_pb2.Checkpoint(marks=as_marks(marks)).SerializeToString()
        digest = blake2b(part, digest_size=16).digest()
        if digest not in self._written:
            self._count += 1
            put = asyncio.create_task(self._bucket.put(key(self.incarnation, self._count), part))
            self._written[digest] = (self._count, put)
        self._idle.pop(digest, None)
        number, put = self._written[digest]
        try:
            # Several sessions may wait for it.
            await asyncio.shield(put)
        except BusError:
            # Whoever tries again writes anew.
            self._written.pop(digest, None)
            raise
        return number

    async def forget(self, needed: Container[int], now: float) -> None:
        """Delete what nobody has needed for long; called now and then, it bounds what is written. `BusError`."""
        for digest, (number, _) in list(self._written.items()):
            if number in needed:
                self._idle.pop(digest, None)
            elif now - self._idle.setdefault(digest, now) >= KEEP_SECONDS:
                del self._written[digest], self._idle[digest]
                await self._bucket.delete(key(self.incarnation, number))
