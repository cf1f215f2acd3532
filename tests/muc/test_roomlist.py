"""The list of rooms, on both buses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from natter.bus.api import Unavailable
from natter.muc.roomlist import RoomList
from natter.proto.v1 import room_pb2


def room(jid: str, **more) -> room_pb2.RoomSummary:
    return room_pb2.RoomSummary(**{"jid": jid, "exists": True, "public": True, "creator": "a@b", **more})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def lists(bus):
    made = [RoomList(bus), RoomList(bus)]
    for one in made:
        await one.start()
    yield made
    for one in made:
        await one.stop()


async def test_the_other_process_hears_of_it(lists) -> None:
    here, there = lists
    here.want(room("b@h", name="B"))
    here.want(room("a@h"))
    here.want(room("hidden@h", public=False))
    here.want(room("locked@h", locked=True))
    # Own news is known at once.
    assert [i.jid for i in here.public()] == ["a@h", "b@h"]
    await here.flush()
    await until(lambda: there.made_by("a@b") == 4)
    assert [(i.jid, i.name) for i in there.public()] == [("a@h", ""), ("b@h", "B")]
    here.want(room_pb2.RoomSummary(jid="b@h"))
    here.want(room("hidden@h"))
    await here.flush()
    await until(lambda: [i.jid for i in there.public()] == ["a@h", "hidden@h"])
    assert there.made_by("a@b") == here.made_by("a@b") == 3
    assert len(there.all()) == 3


async def test_only_news_is_written(lists, bus) -> None:
    here, _ = lists
    here.want(room("a@h", occupants=1))
    await here.flush()
    before = await bus.last_sequence("KV_rooms")
    here.want(room("a@h", occupants=2, time_us=5))
    await here.flush()
    assert await bus.last_sequence("KV_rooms") == before


async def test_several_shards_write_at_once(lists) -> None:
    here, there = lists
    for number in range(300):
        here.want(room(f"r{number}@h", name="old"))
    shards = [asyncio.create_task(here.flush()) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(300):
        here.want(room(f"r{number}@h", name="new"))
    shards += [asyncio.create_task(here.flush()) for _ in range(3)]
    await asyncio.gather(*shards)
    await until(lambda: [i.name for i in there.public()] == ["new"] * 300)


async def test_what_the_bus_does_not_take_waits(lists, monkeypatch) -> None:
    here, there = lists
    here.want(room("a@h"))
    put = here._bucket.put

    async def away(key: str, value: bytes) -> int:
        raise Unavailable("away")

    monkeypatch.setattr(here._bucket, "put", away)
    await here.flush()
    assert there.public() == []
    monkeypatch.setattr(here._bucket, "put", put)
    await here.flush()
    await until(lambda: bool(there.public()))
    here.want(room_pb2.RoomSummary(jid="a@h"))
    await here.flush()
    await until(lambda: not there.public())
