"""Which rooms there are, by shard: read once for all shards that this process opens at the same time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.journal import Journal
from natter.proto.v1 import room_pb2

from .rooms import KIND

# A process takes the shards of another one within some milliseconds; each waits so long for the others.
GATHER_SECONDS: Final = 0.03
# Looked at without a break; tens of thousands of rooms are no reason not to renew a lease.
ENTRIES_AT_ONCE: Final = 1000


@dataclass(slots=True)
class Census:
    """Of one process. Journals are named by room and not by shard: whoever asks for one shard reads them all."""

    journal: Journal
    shards: int
    # A reading that has not begun: whatever is stored until somebody asks is in it.
    _next: asyncio.Task[dict[int, list[Entry]]] | None = field(default=None)

    async def of(self, shard: int) -> list[Entry]:
        """The newest journal entry of every room of a shard, as of now."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._read())
        # Who gives up leaves the others their reading.
        return (await asyncio.shield(self._next)).get(shard, [])

    async def _read(self) -> dict[int, list[Entry]]:
        await asyncio.sleep(GATHER_SECONDS)
        self._next = None
        found: dict[int, list[Entry]] = defaultdict(list)
        for place, entry in enumerate(await self.journal.last_of_kind(KIND)):
            if place % ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
            found[subjects.shard_of(_room(entry), self.shards)].append(entry)
        return found


def _room(entry: Entry) -> str:
    named = subjects.untoken(entry.subject.rpartition(".")[2])
    return named if named is not None else room_pb2.RoomEvents.FromString(entry.payload).summary.jid
