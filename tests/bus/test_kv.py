"""Key-value buckets on both backends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from natter.bus.api import Bus, PublishUnknown, WrongRevision
from natter.bus.kv import Bucket, Value, bucket_spec, ensure
from natter.bus.memory import MemoryBus

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def bucket(bus: Bus) -> Bucket:
    await ensure(bus, bucket_spec("things", in_memory=True))
    return Bucket(bus, "things")


async def test_create_get_update_delete(bucket: Bucket) -> None:
    assert await bucket.get("a") is None
    revision = await bucket.create("a", b"1")
    assert await bucket.get("a") == Value("a", b"1", revision)
    newer = await bucket.update("a", b"2", revision)
    assert newer > revision
    assert await bucket.get("a") == Value("a", b"2", newer)
    await bucket.delete("a", newer)
    assert await bucket.get("a") is None


async def test_losers_of_a_race(bucket: Bucket) -> None:
    revision = await bucket.create("a", b"1")
    with pytest.raises(WrongRevision):
        await bucket.create("a", b"2")
    await bucket.put("a", b"3")
    with pytest.raises(WrongRevision):
        await bucket.update("a", b"4", revision)
    with pytest.raises(WrongRevision):
        await bucket.delete("a", revision)
    outcomes = await asyncio.gather(*(bucket.create("b", b"x") for _ in range(5)), return_exceptions=True)
    assert sorted(type(o) is int for o in outcomes) == [False] * 4 + [True]


async def test_create_again_after_delete(bucket: Bucket) -> None:
    await bucket.create("a", b"1")
    await bucket.delete("a")
    revision = await bucket.create("a", b"2")
    assert await bucket.get("a") == Value("a", b"2", revision)


async def test_values(bucket: Bucket) -> None:
    for key in ("x.1", "x.2", "y.1"):
        await bucket.put(key, key.encode())
    await bucket.put("x.1", b"new")
    await bucket.delete("x.2")
    assert [(v.key, v.value) for v in await bucket.values()] == [("y.1", b"y.1"), ("x.1", b"new")]
    assert [v.key for v in await bucket.values("x.>")] == ["x.1"]


async def test_delete_markers_go_away(bus: Bus) -> None:
    await ensure(bus, bucket_spec("things", in_memory=True))
    bucket = Bucket(bus, "things", marker_seconds=1.0)
    await bucket.put("a", b"1")
    await bucket.delete("a")
    assert (await bus.last("KV_things", "$KV.things.a")) is not None

    async def look() -> None:
        while await bus.last("KV_things", "$KV.things.a"):
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 8)


async def test_watch(bucket: Bucket, eventually: Eventually) -> None:
    await bucket.put("a", b"1")
    await bucket.put("b", b"1")
    await bucket.put("a", b"2")
    await bucket.delete("b")
    seen: list[object] = []
    subscription = await bucket.watch(
        lambda value: seen.append((value.key, value.value)), lambda key, revision: seen.append(key)
    )
    assert seen == [("a", b"2"), "b"]
    await bucket.put("c", b"3")
    await bucket.delete("a")
    await eventually(lambda: len(seen) == 4)
    assert seen[2:] == [("c", b"3"), "a"]
    await subscription.stop()


async def test_watch_of_an_empty_bucket(bucket: Bucket) -> None:
    subscription = await asyncio.wait_for(bucket.watch(lambda value: None, lambda key, revision: None), 2)
    await subscription.stop()


async def test_ensure_leaves_what_is_there(bus: Bus) -> None:
    await ensure(bus, bucket_spec("things", in_memory=True))
    bucket = Bucket(bus, "things")
    await bucket.put("a", b"1")
    await ensure(bus, bucket_spec("things", in_memory=True, age_seconds=1.0))
    assert await bucket.get("a")


class Forgetful(MemoryBus):
    """Stores, and loses the acknowledgement; or neither."""

    faults: list[str]
    meanwhile: Callable[[], object] | None = None

    def publish(self, subject: str, payload: bytes, **options: Any) -> asyncio.Future[int]:
        fault = self.faults.pop(0) if self.faults else ""
        future = (
            asyncio.get_running_loop().create_future()
            if fault == "lost"
            else super().publish(subject, payload, **options)
        )
        if not fault:
            return future
        if self.meanwhile:
            self.meanwhile()
        unknown: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        unknown.set_exception(PublishUnknown())
        return unknown


@pytest.mark.parametrize("faults", [["lost"], ["stored"], ["lost", "stored"], ["stored", "lost"]])
async def test_unknown_outcome_is_cleared_up(faults: list[str]) -> None:
    bus = Forgetful()
    await bus.ensure_stream(bucket_spec("things"))
    bucket = Bucket(bus, "things")
    for action in (
        lambda: bucket.create("a", b"1"),
        lambda: bucket.put("a", b"2"),
        lambda: bucket.update("a", b"3", 2),
        lambda: bucket.delete("a", 3),
    ):
        bus.faults = list(faults)
        await action()
    assert await bus.last_sequence("KV_things") == 4


async def test_somebody_elses_write_is_not_taken_for_ours() -> None:
    bus = Forgetful()
    await bus.ensure_stream(bucket_spec("things"))
    bucket = Bucket(bus, "things")
    bus.faults = []
    revision = await bucket.create("a", b"1")
    bus.faults = ["lost"]
    bus.meanwhile = lambda: bus.publish("$KV.things.a", b"other", expect_last=revision)
    with pytest.raises(WrongRevision):
        await bucket.update("a", b"mine", revision)
    assert await bucket.get("a") == Value("a", b"other", revision + 1)
