"""`natter room` against a responder in place of the muc service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from natter.bus import subjects
from natter.bus.nats import connect
from natter.proto.v1 import room_pb2
from natter.runtime import rooms
from natter.runtime.sections import BusSection
from natter.runtime.users import CommandFailed, Where

DEN = room_pb2.RoomSnapshot(jid="den@conference.localhost", exists=True, subject="Spells", archived=7)
DEN.config.name, DEN.config.persistent, DEN.config.password = "Den", True, "(set)"
DEN.affiliations.add(jid="x@localhost", affiliation="outcast", reason="spam")
DEN.affiliations.add(jid="o@localhost", affiliation="owner", nick="boss")
DEN.occupants.add(nick="boss", role="moderator", jid="o@localhost/1")
DEN.occupants.add(nick="boss", role="moderator", jid="o@localhost/2")


async def listed(payload: bytes) -> bytes:
    after = room_pb2.RoomRequest.FromString(payload).after
    jid = "b@conference.localhost" if after else "a@conference.localhost"
    page = [room_pb2.RoomSummary(jid=jid, creator="o@localhost", public=not after, name="A", locked=bool(after))]
    return room_pb2.RoomReply(rooms=page, more=not after).SerializeToString()


async def shown(payload: bytes) -> bytes:
    if room_pb2.RoomRequest.FromString(payload).jid != "den":
        return room_pb2.RoomReply(error="item-not-found", text="there is no such room").SerializeToString()
    return room_pb2.RoomReply(room=DEN).SerializeToString()


@pytest.fixture
async def where(own_nats_server: object, tmp_path: Path) -> AsyncIterator[Where]:
    url: str = own_nats_server.url  # type: ignore[attr-defined]
    bus = await connect(url, name="test")
    bus.respond(subjects.rpc("muc", "list"), listed)
    bus.respond(subjects.rpc("muc", "show"), shown)
    yield Where(tmp_path, url, BusSection())
    await bus.close()


async def test_the_list_is_read_to_its_end(where: Where) -> None:
    found = await rooms.every(where)
    assert [rooms.line(room) for room in found] == [
        "a@conference.localhost\to@localhost\tpublic\tA",
        "b@conference.localhost\to@localhost\thidden, being made\tA",
    ]


async def test_one_room(where: Where) -> None:
    room = await rooms.one(where, "show", room_pb2.RoomRequest(jid="den"))
    assert list(rooms.described(room)) == [
        "den@conference.localhost",
        "  name         Den",
        "  subject      Spells",
        "  kind         persistent, password",
        "  owner        o@localhost",
        "  occupants    1",
        "    boss\tmoderator\to@localhost/1",
        "    boss\tmoderator\to@localhost/2",
        "  said         7 messages",
    ]
    assert list(rooms.members(room)) == ["o@localhost\towner\tboss", "x@localhost\toutcast\t\tspam"]


async def test_what_goes_wrong(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandFailed, match="cave: there is no such room"):
        await rooms.one(where, "show", room_pb2.RoomRequest(jid="cave"))
    monkeypatch.setattr(rooms, "REPLY_SECONDS_MAX", 0.2)
    with pytest.raises(CommandFailed, match="does not answer"):
        await rooms.one(where, "destroy", room_pb2.RoomRequest(jid="den"))


def test_moments() -> None:
    assert rooms.moment("1970-01-01T00:00:01Z") == 1_000_000
    assert rooms.moment("1970-01-01 00:00:01.5") == 1_500_000
    assert rooms.moment("1970-01-01T01:00:00+01:00") == 0
    with pytest.raises(CommandFailed, match="yesterday"):
        rooms.moment("yesterday")
