"""Chapters are written before the journal forgets, in parts, once or more often."""

from __future__ import annotations

from natter.bus import subjects
from natter.muc.chapters import Chapters
from natter.muc.room import archive_id, snapshot
from natter.muc.room.past import Pending
from natter.proto.v1 import room_pb2


async def test_what_is_kept_and_what_is_forgotten(bus, coven) -> None:
    room, state = coven.room, snapshot.encode(coven.room)
    life = archive_id.life(room.secret)
    pending = [
        Pending(3, b"old", 0, 0, "another life"),
        Pending(5, b"five", 0, 2, life),
        Pending(7, b"seven", 2, 130, life),
        Pending(9, b"nine", 130, 131, life),
    ]
    for _ in range(2):
        await Chapters(bus).keep(room, pending, state, 7, 1)
    first = await bus.read(subjects.CHAPTERS, subjects.chapter(room.jid, life, 0))
    second = await bus.read(subjects.CHAPTERS, subjects.chapter(room.jid, life, 1))
    parts = [room_pb2.RoomChapter.FromString(entry.payload) for entry in (*first, *second)]
    # An entry that lies in two chapters stands in both.
    assert [[e.revision for e in part.entries] for part in parts] == [[5, 7], [5, 7], [7], [7]]
    assert [(part.revision, bool(part.state)) for part in parts] == [(0, False), (0, False), (7, True), (7, True)]
    await Chapters(bus).forget(room.jid, life)
    assert not await bus.read(subjects.CHAPTERS, subjects.chapters(room.jid))
