"""Opening a shard: what is read, what is repeated."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.journal import Journal
from natter.bus.kv import Bucket
from natter.bus.snapshot import Snapshots
from natter.muc.marks import Marks
from natter.muc.occupancy import Occupancy
from natter.muc.recovery import OutPosition, Recovery
from natter.muc.room.request import Cause
from natter.muc.roomlist import RoomList
from natter.muc.rooms import Rooms
from natter.muc.shardwork import Seen
from natter.proto.v1 import room_pb2

ROOM = "den@conference.localhost"


async def test_a_shard_that_was_never_held_starts_now(bus) -> None:
    last = await bus.publish(subjects.journal("roster", "x"), b"x")
    position = OutPosition(Bucket(bus, subjects.POSITIONS), "room-out.7")
    assert await position.take(bus) == last
    await position.save(last + 5)
    await position.save(3)
    again = OutPosition(Bucket(bus, subjects.POSITIONS), "room-out.7")
    assert await again.take(bus) == last + 5


async def test_what_lies_behind_the_position_is_rendered_again(hall, bus) -> None:
    one, two = await hall.login("u0@localhost/r"), await hall.login("u1@localhost/r")
    hall.join(one, ROOM, "n0")
    hall.submit(one, ROOM)
    hall.join(two, ROOM, "n1")
    await hall.settled()
    middle = hall.worker.rooms.get(ROOM).revision
    hall.say(two, ROOM, "first")
    await hall.settled()
    hall.say(one, ROOM, "second")
    await hall.settled()
    roomlist = RoomList(bus)
    await roomlist.start()
    roomlist.want(room_pb2.RoomSummary(jid="stale@conference.localhost", exists=True, public=True))

    def recovery(mine: bool = True) -> Recovery:
        rooms = Rooms(Journal(bus), Snapshots(bus), loaded_max=10)
        return Recovery(rooms, Occupancy(), roomlist, Seen(), lambda jid: mine, Marks())

    made = recovery()
    entries = await Journal(bus).last_of_kind("room")
    repeats = await made.run(middle, entries)
    assert [b"first" in r.outputs[0].stanza for r in repeats] == [True, False]
    assert [r.sequence for r in repeats] == sorted(r.sequence for r in repeats)
    assert made.rooms.get(ROOM).room == hall.worker.rooms.get(ROOM).room
    assert made.rooms.get(ROOM).revision == hall.worker.rooms.get(ROOM).revision
    assert made.occupancy.rooms(one.jid, one.session.session) == [ROOM]
    frame = hall.frames[-2]
    assert made.seen.has(Cause("lane.0", frame.sequence, frame.index, frame.accepted_us), ROOM)
    # Rooms without a journal are struck off the list.
    assert [i.jid for i in roomlist.public()] == [ROOM]
    assert len(await recovery().run(0, entries)) > len(repeats)
    assert await recovery(mine=False).run(0, entries) == []
    await roomlist.stop()


async def test_destroyed_rooms_are_known(hall, bus) -> None:
    one = await hall.login("u0@localhost/r")
    hall.join(one, ROOM, "n0")
    hall.send(one, f"<presence from='{one.jid}' to='{ROOM}/n0' type='unavailable'/>")
    await hall.settled()
    rooms = Rooms(Journal(bus), Snapshots(bus), loaded_max=10)
    made = Recovery(rooms, Occupancy(), hall.office.roomlist, Seen(), lambda jid: True, Marks())
    await made.run(await bus.last_sequence(subjects.JOURNALS), await Journal(bus).last_of_kind("room"))
    assert list(made.destroyed) == [ROOM]
    assert rooms.get(ROOM) is None
