"""Which rooms there are, read once for all who ask at the same time; on both buses."""

from __future__ import annotations

import asyncio

import pytest
from natter.bus import subjects
from natter.bus.api import Unavailable
from natter.bus.journal import Journal
from natter.muc import census as census_module
from natter.muc.census import Census
from natter.proto.v1 import room_pb2

SHARDS = 4
# The last one is too long to be read from its subject.
ROOMS = [*(f"r{number}@h" for number in range(30)), f"{'x' * 70}@h"]


async def put(bus, jid: str) -> None:
    entry = room_pb2.RoomEvents(summary=room_pb2.RoomSummary(jid=jid, exists=True))
    await bus.publish(subjects.journal("room", jid), entry.SerializeToString())


@pytest.fixture
async def census(bus, monkeypatch):
    monkeypatch.setattr(census_module, "ENTRIES_AT_ONCE", 5)
    for jid in ROOMS:
        await put(bus, jid)
    return Census(Journal(bus), SHARDS)


@pytest.fixture
def readings(bus, monkeypatch) -> list[str]:
    found, last_many = [], bus.last_many

    async def counted(stream: str, pattern: str):
        found.append(pattern)
        return await last_many(stream, pattern)

    monkeypatch.setattr(bus, "last_many", counted)
    return found


def named(entries) -> list[str]:
    return sorted(room_pb2.RoomEvents.FromString(entry.payload).summary.jid for entry in entries)


async def test_all_shards_at_once_are_one_reading(census, readings) -> None:
    found = await asyncio.gather(*(census.of(shard) for shard in range(SHARDS)))
    assert len(readings) == 1
    for shard, entries in enumerate(found):
        assert named(entries) == sorted(jid for jid in ROOMS if subjects.shard_of(jid, SHARDS) == shard)


async def test_who_asks_later_hears_what_came_meanwhile(census, readings, bus) -> None:
    before = await census.of(subjects.shard_of("new@h", SHARDS))
    await put(bus, "new@h")
    after = await census.of(subjects.shard_of("new@h", SHARDS))
    assert set(named(after)) - set(named(before)) == {"new@h"}
    assert len(readings) == 2


async def test_who_gives_up_leaves_the_others_their_reading(census, readings) -> None:
    first, second = [asyncio.create_task(census.of(shard)) for shard in (0, 1)]
    await asyncio.sleep(0)
    first.cancel()
    assert named(await second)
    assert first.cancelled()
    assert len(readings) == 1


async def test_a_bus_that_does_not_answer_is_asked_again(census, bus, monkeypatch) -> None:
    async def away(stream: str, pattern: str):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "last_many", away)
        with pytest.raises(Unavailable):
            await census.of(0)
    assert await census.of(0)
