"""Rooms in memory: loaded from snapshot and journal, forgotten when idle."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.muc.room import snapshot
from natter.muc.room.state import Room
from natter.muc.rooms import KIND, Loaded, Rooms
from natter.proto.v1 import room_pb2


def made(bus, loaded_max: int = 10) -> Rooms:
    return Rooms(Journal(bus), Snapshots(bus), loaded_max=loaded_max)


async def write(bus, stage) -> int:
    """The stage's events, one journal entry each; the last revision."""
    journal, revision = Journal(bus), 0
    room = Room(stage.room.jid)
    from natter.muc.room import dispatch
    from natter.muc.room.evolve import evolve

    for request in stage.requests:
        events = dispatch.decide(room, request, stage.limits).events
        for event in events:
            room = evolve(room, event)
        if events:
            payload = room_pb2.RoomEvents(events=events).SerializeToString()
            revision = await journal.append(KIND, room.jid, payload, expected=revision)
    return revision


async def test_from_the_journal_alone(bus, coven) -> None:
    revision = await write(bus, coven)
    rooms = made(bus)
    await rooms.load([coven.room.jid, "nobody@h", coven.room.jid])
    assert rooms.get(coven.room.jid).room == coven.room
    assert rooms.get(coven.room.jid).revision == revision
    assert rooms.get("nobody@h").room == Room("nobody@h")
    assert rooms.get("other@h") is None


async def test_from_a_snapshot_and_what_came_after(bus, coven) -> None:
    revision = await write(bus, coven)
    before = coven.room
    await Snapshots(bus).put(KIND, coven.room.jid, revision, snapshot.encode(before))
    await bus.purge(subjects.JOURNALS, subjects.journal(KIND, coven.room.jid), below=revision)
    heard = coven.say(coven.hag, "after")
    payload = room_pb2.RoomEvents(events=heard.decision.events).SerializeToString()
    await Journal(bus).append(KIND, coven.room.jid, payload, expected=revision)
    rooms = made(bus)
    await rooms.load([coven.room.jid])
    loaded = rooms.get(coven.room.jid)
    assert loaded.room == coven.room
    assert loaded.events == 1
    past = await rooms.read(coven.room.jid)
    assert (past.revision, past.room, len(past.entries)) == (revision, before, 1)


async def test_idle_rooms_make_place(bus) -> None:
    rooms = made(bus, loaded_max=2)
    for name in "abcd":
        rooms.keep(f"{name}@h", Loaded(Room(f"{name}@h"), 0))
    rooms.get("a@h")
    rooms.trim({"b@h"})
    assert len(rooms) == 2
    assert rooms.get("b@h") is not None
    assert rooms.get("a@h") is not None


async def test_forgetting_a_purged_room(bus) -> None:
    rooms = made(bus)
    rooms.keep("a@h", Loaded(Room("a@h"), 7))
    rooms.forget("a@h", 6)
    assert rooms.get("a@h") is not None
    rooms.forget("a@h", 7)
    assert rooms.get("a@h") is None


async def test_rooms_that_nobody_is_in_are_put_to_rest(bus, coven) -> None:
    rooms = made(bus, loaded_max=100_000)
    rooms.keep(coven.room.jid, Loaded(coven.room, 5))
    for number in range(1000):
        rooms.keep(f"r{number}@h", Loaded(Room(f"r{number}@h"), 1))
    assert rooms.rest(3, ()) == rooms.rest(3, ()) == 0
    rooms.get("r7@h")
    assert rooms.rest(3, {"r9@h"}) == 998
    assert {"r7@h", "r9@h", coven.room.jid} == {
        jid for jid in (*(f"r{n}@h" for n in range(1000)), coven.room.jid) if rooms.peek(jid)
    }
    rooms.rest(3, ())
    assert rooms.rest(3, ()) == 1
    # It has people in it.
    assert len(rooms) == 1
