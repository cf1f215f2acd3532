"""What an operator asks about rooms."""

from __future__ import annotations

import pytest
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.muc import desk as desk_module
from natter.muc.desk import Desk
from natter.muc.rooms import Rooms
from natter.proto.v1 import room_pb2

ROOM = "den@conference.localhost"


@pytest.fixture
async def ask(hall, bus):
    desk = Desk(hall.office, Rooms(Journal(bus), Snapshots(bus), loaded_max=1))
    handlers = desk.handlers()

    async def go(verb: str, jid: str = "", **more) -> room_pb2.RoomReply:
        request = room_pb2.RoomRequest(jid=jid, **more)
        return room_pb2.RoomReply.FromString(await handlers[verb](request.SerializeToString()))

    return go


async def settled_in(hall):
    one, two = [await hall.login(f"u{n}@localhost/r") for n in (1, 2)]
    hall.join(one, ROOM, "one")
    hall.submit(one, ROOM, roomname="Den", passwordprotectedroom="1", roomsecret="s3cret")
    hall.join(two, ROOM, "two", "<password>s3cret</password>")
    hall.say(two, ROOM, "canary")
    await hall.settled()
    return one, two


async def test_the_list_comes_in_pages(hall, ask, monkeypatch) -> None:
    guest = await hall.login("a@localhost/r")
    for name in ("x", "y", "z"):
        hall.join(guest, f"{name}@conference.localhost", "me")
    await hall.settled()
    monkeypatch.setattr(desk_module, "PAGE_ROOMS_MAX", 2)
    first = await ask("list")
    assert ([r.jid[0] for r in first.rooms], first.more) == (["x", "y"], True)
    rest = await ask("list", after=first.rooms[-1].jid)
    assert ([r.jid[0] for r in rest.rooms], rest.more) == (["z"], False)


async def test_a_room_is_shown_without_what_is_secret(hall, ask) -> None:
    await settled_in(hall)
    reply = await ask("show", "den")
    assert (reply.room.jid, reply.room.config.name) == (ROOM, "Den")
    assert {o.nick for o in reply.room.occupants} == {"one", "two"}
    raw = reply.SerializeToString()
    assert b"s3cret" not in raw
    assert b"canary" not in raw
    assert not reply.room.secret


async def test_a_room_is_ended(hall, ask) -> None:
    one, two = await settled_in(hall)
    assert (await ask("destroy", ROOM, alternate="@@")).error == "bad-request"
    reply = await ask("destroy", ROOM, reason="spring cleaning", alternate="hall@conference.localhost")
    assert not reply.error
    await hall.until(lambda: one.gone() and two.gone())
    destroy = next(two.got[-1].iter("{http://jabber.org/protocol/muc#user}destroy"))
    assert destroy.get("jid") == "hall@conference.localhost"
    assert destroy[0].text == "spring cleaning"
    assert (await ask("show", "den")).error == "item-not-found"
    assert (await ask("destroy", "den")).error == "item-not-found"


async def test_who_is_what_is_said_by_the_operator(hall, ask) -> None:
    one, two = await settled_in(hall)
    assert (await ask("affiliate", ROOM, user="u1@localhost", affiliation="none")).error == "conflict"
    # An owner who is gone for good makes place for another one.
    assert not (await ask("affiliate", ROOM, user="U2@localhost/x", affiliation="owner")).error
    assert not (await ask("affiliate", ROOM, user="u1@localhost", affiliation="outcast", reason="left us")).error
    assert not (await ask("affiliate", ROOM, user="u1@localhost", affiliation="outcast")).error
    await hall.until(lambda: "one" in one.gone() and "one" in two.gone())
    known = {a.jid: a.affiliation for a in (await ask("show", "den")).room.affiliations}
    assert known == {"u2@localhost": "owner", "u1@localhost": "outcast"}
    assert not (await ask("affiliate", ROOM, user="evil.example", affiliation="outcast")).error
    for user, affiliation in (("u2@localhost", "king"), ("", "member"), ("evil.example", "member")):
        assert (await ask("affiliate", ROOM, user=user, affiliation=affiliation)).error == "bad-request"
    assert (await ask("affiliate", "nowhere", user="a@b", affiliation="member")).error == "item-not-found"


async def test_what_is_no_room(hall, ask) -> None:
    for jid in ("@", "den@elsewhere", f"{ROOM}/nick", "a b@conference.localhost"):
        assert (await ask("show", jid)).error == "bad-request", jid


async def test_nobody_holds_the_room(hall, ask, monkeypatch) -> None:
    await settled_in(hall)
    await hall.kill()
    monkeypatch.setattr(desk_module, "LOOKS_MAX", 2)
    assert (await ask("destroy", ROOM)).error == "unavailable"


async def test_the_past(hall, ask) -> None:
    one, _ = await settled_in(hall)
    then = hall.office.now_us()
    hall.send(one, f"<presence from='{one.jid}' to='{ROOM}/one' type='unavailable'/>")
    await hall.settled()
    assert [o.nick for o in (await ask("show", "den")).room.occupants] == ["two"]
    assert [o.nick for o in (await ask("at", "den", time_us=then)).room.occupants] == ["one", "two"]
    assert (await ask("at", "den", time_us=1)).error == "item-not-found"
