"""What had been said to sessions before they came, written once for all that come together."""

from __future__ import annotations

import asyncio

import pytest
from natter.bus import subjects
from natter.bus.api import Unavailable
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.gateway.former import KEEP_SECONDS, Former, as_marks, key, marks_of, read
from natter.proto.v1 import bus_pb2

NEW = "gateway-2-bb"
MARKS = {"lane.0": 7 << 32 | 2, "room.6": 176 << 32}


def test_marks_there_and_back() -> None:
    assert marks_of(bus_pb2.Checkpoint(marks=as_marks(MARKS))) == MARKS


async def test_sessions_that_come_together_share_an_entry(memory: MemoryBus) -> None:
    former = Former(memory, NEW)
    assert await asyncio.gather(former.write(MARKS), former.write(dict(MARKS)), former.write({"lane.0": 1})) == [
        1,
        1,
        2,
    ]
    assert await read(memory, NEW, 1) == MARKS
    assert await read(memory, NEW, 2) == {"lane.0": 1}
    assert await memory.last_sequence("KV_checkpoints") == 2


async def test_nothing_to_write_is_not_written(memory: MemoryBus) -> None:
    assert await Former(memory, NEW).write({}) == 0
    assert await read(memory, NEW, 0) == {}


async def test_it_is_no_checkpoint(memory: MemoryBus) -> None:
    await Former(memory, NEW).write(MARKS)
    assert await Bucket(memory, subjects.CHECKPOINTS).values(f"{NEW}.*") == []


async def test_a_write_that_failed_is_tried_again(memory: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    former = Former(memory, NEW)
    put = Bucket.put

    async def fail(bucket: Bucket, name: str, value: bytes) -> int:
        raise Unavailable("not now")

    monkeypatch.setattr(Bucket, "put", fail)
    with pytest.raises(Unavailable):
        await former.write(MARKS)
    monkeypatch.setattr(Bucket, "put", put)
    assert await read(memory, NEW, await former.write(MARKS)) == MARKS


async def test_what_nobody_needs_is_deleted_after_a_while(memory: MemoryBus) -> None:
    former = Former(memory, NEW)
    one, two = await former.write(MARKS), await former.write({"lane.0": 1})
    await former.forget({one}, 100.0)
    await former.forget({one}, 100.0 + KEEP_SECONDS)
    assert await read(memory, NEW, one) == MARKS
    assert await read(memory, NEW, two) == {}
    # Needed again in between: the time begins anew.
    await former.forget((), 200.0)
    assert await former.write(MARKS) == one
    await former.forget((), 201.0 + KEEP_SECONDS)
    assert await read(memory, NEW, one) == MARKS
    await former.forget((), 201.0 + 2 * KEEP_SECONDS)
    assert await Bucket(memory, subjects.CHECKPOINTS).get(key(NEW, one)) is None
    assert await former.write(MARKS) == 3
