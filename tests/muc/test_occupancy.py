"""Who is where in a shard."""

from __future__ import annotations

from natter.muc.occupancy import Occupancy
from natter.muc.room.state import Room


def test_it_follows_a_room(coven) -> None:
    occupancy = Occupancy()
    occupancy.note(Room(coven.room.jid), coven.room)
    session = coven.room.shown("thirdwitch").session
    assert occupancy.rooms(coven.hag, session) == [coven.room.jid]
    assert occupancy.rooms(coven.hag, "another") == []
    assert len(occupancy) == 3
    before = coven.room
    coven.send(f"<presence from='{coven.hag}' to='{coven.room.jid}/oldhag'/>")
    occupancy.note(before, coven.room)
    assert occupancy.rooms(coven.hag, session) == [coven.room.jid]
    before = coven.room
    coven.join(coven.hag, "oldhag", session="new")
    occupancy.note(before, coven.room)
    assert occupancy.rooms(coven.hag, session) == []
    assert (coven.hag, "new", coven.room.jid) in list(occupancy.sessions())
    before = coven.room
    coven.owner(coven.crone, "<destroy/>")
    occupancy.note(before, coven.room)
    assert len(occupancy) == 0
    occupancy.note(coven.room, coven.room)
