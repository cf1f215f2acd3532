"""The list of rooms, for discovery: a key-value bucket with a replica per process. The truth is in the journals."""

from __future__ import annotations

import asyncio
import logging
from sys import intern
from typing import Final, NamedTuple

from natter.bus import subjects
from natter.bus.api import Bus, BusError, Subscription
from natter.bus.kv import Bucket, Value, bucket_spec, ensure
from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.disco import Item

log = logging.getLogger(__name__)

BUCKET: Final = "rooms"
# Lines on their way to the bus at once.
WRITES_MAX: Final = 64


class Line(NamedTuple):
    """What the list says of a room. A message of protobuf would take a kilobyte: most rooms of a system are at rest."""

    jid: str
    name: str
    public: bool
    creator: str
    locked: bool

    def summary(self) -> room_pb2.RoomSummary:
        """As it is stored."""
        return room_pb2.RoomSummary(exists=True, **self._asdict())


def line(summary: room_pb2.RoomSummary) -> Line | None:
    """The line of a room; None where it has no place in the list."""
    if not summary.exists:
        return None
    # One string for all rooms of a creator.
    return Line(summary.jid, summary.name, summary.public, intern(summary.creator), summary.locked)


class RoomList:
    """Every room of the system by JID. Writes wait in memory until the bus has taken them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, BUCKET)
        self._lines: dict[str, Line] = {}
        # JIDs by key, where the key does not say it.
        self._jids: dict[str, str] = {}
        self._owned: dict[str, int] = {}
        self._public: list[Item] | None = None
        # What is to be written: at most one line per room of the shards held here.
        self._waiting: dict[str, Line | None] = {}
        # The shards held here share the list: one of them writes, or an older line could come last.
        self._writing = asyncio.Lock()
        self._watch: Subscription | None = None

    async def start(self) -> None:
        """Returns when the replica is complete."""
        await ensure(self._bus, bucket_spec(BUCKET))
        self._watch = await self._bucket.watch(self._on_value, self._on_delete)

    async def stop(self) -> None:
        """End the watch."""
        if self._watch is not None:
            await self._watch.stop()

    def public(self) -> list[Item]:
        """The rooms that everybody may know of, by JID."""
        if self._public is None:
            shown = (s for s in self._lines.values() if s.public and not s.locked)
            self._public = [Item(s.jid, name=s.name) for s in sorted(shown, key=lambda s: s.jid)]
        return self._public

    def made_by(self, creator: str) -> int:
        """How many rooms of this user exist."""
        return self._owned.get(creator, 0)

    def all(self) -> list[room_pb2.RoomSummary]:
        """Every line."""
        return [known.summary() for known in self._lines.values()]

    def want(self, summary: room_pb2.RoomSummary) -> None:
        """A room's summary as its journal now has it; written by the next `flush` if it says something new."""
        wanted = line(summary)
        if self._lines.get(summary.jid) != wanted or summary.jid in self._waiting:
            self._waiting[summary.jid] = wanted
            # Own news is seen at once.
            self._apply(summary.jid, wanted)

    async def flush(self) -> None:
        """Write what waits; what the bus does not take now is kept for the next time."""
        # Every shard of the process calls this: of two lines of one room, the later must be written later.
        async with self._writing:
            waiting = list(self._waiting)
            for start in range(0, len(waiting), WRITES_MAX):
                written = await asyncio.gather(*map(self._write, waiting[start : start + WRITES_MAX]))
                if not all(written):
                    return

    async def _write(self, jid: str) -> bool:
        wanted = self._waiting.pop(jid)
        key = subjects.token(jid)
        try:
            if wanted is None:
                await self._bucket.delete(key)
            else:
                await self._bucket.put(key, wanted.summary().SerializeToString())
        except BusError as error:
            self._waiting.setdefault(jid, wanted)
            log.debug("the list of rooms is not written: %r", error)
            return False
        return True

    def _on_value(self, value: Value) -> None:
        summary = room_pb2.RoomSummary.FromString(value.value)
        if subjects.untoken(value.key) is None:
            self._jids[value.key] = summary.jid
        if summary.jid not in self._waiting:
            self._apply(summary.jid, line(summary))

    def _on_delete(self, key: str, revision: int) -> None:
        jid = subjects.untoken(key) or self._jids.pop(key, None)
        if jid is not None and jid not in self._waiting:
            self._apply(jid, None)

    def _apply(self, jid: str, after: Line | None) -> None:
        before = self._lines.pop(jid, None)
        if before is not None:
            left = self._owned.get(before.creator, 1) - 1
            if left:
                self._owned[before.creator] = left
            else:
                self._owned.pop(before.creator, None)
        if after is not None:
            self._lines[jid] = after
            self._owned[after.creator] = self._owned.get(after.creator, 0) + 1
        self._public = None
