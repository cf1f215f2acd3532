"""Writing the chapters of rooms: what a snapshot is about to cover goes into the room's past first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from natter.bus import subjects
from natter.bus.api import Bus

from .room import archive_id, past
from .room.past import Pending
from .room.state import Room


@dataclass(slots=True)
class Chapters:
    """Appends parts. Written again after a crash they say the same, and readers take each number once."""

    bus: Bus

    async def keep(self, room: Room, pending: Sequence[Pending], state: bytes, revision: int, now_us: int) -> None:
        """Store the entries up to `revision` and the state that they lead to; not those of an earlier life."""
        life = archive_id.life(room.secret)
        mine = [entry for entry in pending if entry.life == life and entry.revision <= revision]
        before = mine[0].before if mine else room.archived
        for number, part in past.parts(room, mine, before, state, revision, now_us):
            await self.bus.publish(subjects.chapter(room.jid, life, number), part.SerializeToString())

    async def forget(self, jid: str, life: str = "*") -> None:
        """A room is gone: so is its past."""
        await self.bus.purge(subjects.CHAPTERS, subjects.chapters(jid, life))
