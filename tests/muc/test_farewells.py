"""Who is available no more leaves every room, in the place where he said so. Sessions that vanish: test_worker.py."""

from __future__ import annotations

from natter.muc.farewells import Farewells
from natter.muc.occupancy import Occupancy
from natter.muc.room.request import Cause
from natter.muc.shardwork import Input
from natter.proto.v1 import bus_pb2

DEN, PIT = "den@conference.localhost", "pit@conference.localhost"


async def two_rooms(hall):
    """One owns two rooms, in which two is, too."""
    one, two = await hall.login("one@localhost/r"), await hall.login("two@localhost/r")
    for room in (DEN, PIT):
        hall.join(one, room, "one")
        hall.submit(one, room)
        hall.join(two, room, "two")
    await hall.settled()
    return one, two


def unavailable(hall, guest):
    return hall.send(guest, f"<presence from='{guest.jid}' type='unavailable'><status>Bye</status></presence>")


async def test_every_room_is_left(hall) -> None:
    one, two = await two_rooms(hall)
    before = len(one.got)
    unavailable(hall, two)
    await hall.settled()
    left = one.got[before:]
    assert sorted(stanza.get("from") for stanza in left) == [f"{DEN}/two", f"{PIT}/two"]
    # RFC 6121 §4.6.3: it is what the user said, not something that the room knows of him.
    assert {stanza.findtext("{jabber:client}status") for stanza in left} == {"Bye"}
    assert hall.worker.occupancy.rooms(two.jid, two.session.session) == []
    assert one.gone() == ["two", "two"]


async def test_who_enters_again_behind_it_is_in(hall) -> None:
    one, two = await two_rooms(hall)
    hall.say(two, DEN, "before")
    unavailable(hall, two)
    hall.join(two, DEN, "two")
    hall.say(two, DEN, "after")
    hall.say(two, PIT, "not here")
    await hall.settled()
    assert one.bodies() == ["before", "after"]
    assert two.errors() == ["not-acceptable"]
    assert hall.worker.occupancy.rooms(two.jid, two.session.session) == [DEN]


async def test_said_again_by_a_router_it_does_nothing(hall) -> None:
    one, two = await two_rooms(hall)
    unavailable(hall, two)
    hall.join(two, DEN, "two")
    await hall.settled()
    position = hall.save()
    hall.publish(hall.frames)
    await hall.settled()
    await hall.kill()
    # The next holder begins at the beginning.
    await hall.open(0)
    await hall.settled()
    assert position
    assert hall.worker.occupancy.rooms(two.jid, two.session.session) == [DEN]
    assert sorted(one.gone()) == ["two", "two"]


async def test_of_another_session_nothing_follows(hall) -> None:
    _one, two = await two_rooms(hall)
    again = await hall.login("one@localhost/s")
    unavailable(hall, again)
    await hall.settled()
    assert two.gone() == []
    assert hall.shard.progress.open_sequences == 0


def test_what_is_said_to_each_room_is_the_same_input() -> None:
    occupancy = Occupancy()
    occupancy._rooms["a@h/r"] = {DEN: "s", PIT: "s", "x@h": "other"}
    farewells = Farewells(directory=None, occupancy=occupancy, seconds=1.0, now_us=lambda: 1, put=lambda _: None)  # type: ignore[arg-type]
    frame = bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, type="unavailable", sender="a@h/r", session="s")
    words = farewells.said(Input(frame, Cause("lane.0", 3, 16), 7, 9))
    assert [(w.room, w.cause, w.position, w.taken_us) for w in words] == [
        (DEN, Cause("lane.0", 3, 16), 7, 9),
        (PIT, Cause("lane.0", 3, 16), 7, 9),
    ]
    assert frame.to == ""
