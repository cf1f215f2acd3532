"""What a dead gateway has not written comes back to the lanes, and nothing else does."""

from __future__ import annotations

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, WrongRevision
from natter.bus.directory import Directory
from natter.bus.kv import Bucket
from natter.bus.sender import Sender
from natter.presence.orphans import Orphans, lane_of
from natter.proto.v1 import bus_pb2

GATEWAY = "gateway-1-00000000"
MESSAGE = bus_pb2.KIND_MESSAGE


def delivery(id: str, *, session: str = "gone", type: str = "chat") -> bus_pb2.Frame:
    return bus_pb2.Frame(
        kind=MESSAGE,
        type=type,
        id=id,
        sender="a@x/r",
        to="b@x/r",
        session="s-a",
        sessions=[session],
        sequence=5,
        index=16,
    )


async def put(bus: Bus, source: str, *frames: bus_pb2.Frame) -> int:
    sender = Sender(bus, subjects.deliver(GATEWAY), source, publisher="p")
    for frame in frames:
        sender.add(frame)
    await sender.drain()
    return await bus.last_sequence(subjects.DELIVERIES)


async def lane(bus: Bus, number: int) -> list[bus_pb2.Frame]:
    entries = await bus.read(subjects.LANES, subjects.lane(number))
    return [frame for entry in entries for frame in bus_pb2.Envelope.FromString(entry.payload).frames]


async def test_what_stands_behind_the_position_goes_back_to_its_lane(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    await directory.create(bus_pb2.SessionRecord(session="moved", gateway="g2", jid="c@x/r"))
    written = await put(bus, "lane.2", delivery("written"))
    await put(bus, "lane.2", delivery("1"), delivery("error", type="error"), delivery("moved", session="moved"))
    await put(bus, "lane.1", delivery("2"))
    await put(bus, "lane.2", delivery("3"))
    positions = Bucket(bus, subjects.POSITIONS)
    await positions.create(subjects.delivered(GATEWAY), str(written).encode())
    await positions.put("lane.1", b"17")

    orphans = Orphans(bus, directory, 4)
    assert await orphans.gateways() == {GATEWAY}
    assert await orphans.hand_back(GATEWAY) == 3
    back = await lane(bus, 2)
    assert [frame.id for frame in back] == ["1", "3"]
    assert [(f.returned, f.sequence, f.index, list(f.sessions)) for f in back] == [(1, 0, 0, ["gone"])] * 2
    assert [frame.id for frame in await lane(bus, 1)] == ["2"]

    # Once.
    assert await orphans.gateways() == set()
    assert await orphans.hand_back(GATEWAY) == 0
    await directory.stop()


async def test_a_gateway_that_only_stood_still_cannot_move_its_position_any_more(bus: Bus) -> None:
    directory = Directory(bus)
    positions = Bucket(bus, subjects.POSITIONS)
    revision = await positions.create(subjects.delivered(GATEWAY), b"0")
    await Orphans(bus, directory, 4).hand_back(GATEWAY)
    with pytest.raises(WrongRevision):
        await positions.update(subjects.delivered(GATEWAY), b"9", revision)


def test_the_lane_is_the_one_it_came_from() -> None:
    assert lane_of("lane.3", 4) == 3
    assert lane_of("lane.9", 4) in range(4)
    assert lane_of("room.3", 4) == lane_of("room.3", 4) in range(4)


async def test_the_last_word_of_a_session_stands_behind_all_that_it_has_said(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    record = bus_pb2.SessionRecord(session="s-c", gateway=GATEWAY, jid="c@x/<r>", lane=2)
    session = await directory.create(record)
    sender = Sender(bus, subjects.lane(2), GATEWAY, publisher="p")
    sender.add(bus_pb2.Frame(kind=MESSAGE, sender="c@x/<r>", session="s-c", id="said"))
    await sender.drain()
    await Orphans(bus, directory, 4).end([session])
    said, ended = await lane(bus, 2)
    assert said.id == "said"
    assert (ended.kind, ended.type, ended.sender, ended.session) == (
        bus_pb2.KIND_PRESENCE,
        "unavailable",
        "c@x/<r>",
        "s-c",
    )
    assert ended.ended and ended.stanza == b"<presence from='c@x/&lt;r&gt;' type='unavailable'/>"
    # In whichever room it was.
    assert ended.rooms == (1 << 64) - 1
