"""What every backend of the bus must do, run on the in-memory one and on a real nats-server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from natter.bus import subjects
from natter.bus.api import (
    PAYLOAD_BYTES_MAX,
    Bus,
    BusError,
    Entry,
    NoStream,
    Start,
    StreamFull,
    StreamSpec,
    Unavailable,
    WrongRevision,
)
from natter.bus.memory import MemoryBus
from natter.bus.nats import NatsBus
from natter.telemetry import names

Eventually = Callable[..., Awaitable[None]]

LOG = StreamSpec("LOG", ("log.>",), 1 << 20, in_memory=True, message_ttl=True)


@pytest.fixture
async def log(bus: Bus) -> Bus:
    await bus.ensure_stream(LOG)
    return bus


async def fill(bus: Bus, subject: str, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        await bus.publish(subject, str(number).encode())


def payloads(entries: list[Entry]) -> list[int]:
    return [int(entry.payload) for entry in entries]


async def test_publish_gives_rising_sequences_in_call_order(log: Bus) -> None:
    futures = [log.publish("log.a", str(number).encode()) for number in range(100)]
    assert await asyncio.gather(*futures) == list(range(1, 101))
    assert payloads(await log.read("LOG", "log.a")) == list(range(100))
    assert await log.last_sequence("LOG") == 100
    assert log.pending_bytes() == 0
    assert log.connected()


async def test_same_message_id_is_stored_once(log: Bus) -> None:
    first = await log.publish("log.a", b"x", msg_id="1")
    await log.publish("log.a", b"y", msg_id="2")
    assert await log.publish("log.a", b"x", msg_id="1") == first
    assert len(await log.read("LOG", "log.a")) == 2


async def test_expected_sequence_is_looked_at_before_the_message_id(log: Bus) -> None:
    first = await log.publish("log.a", b"x", msg_id="1", expect_last=0)
    with pytest.raises(WrongRevision):
        await log.publish("log.a", b"x", msg_id="1", expect_last=0)
    assert await log.publish("log.a", b"x", msg_id="1", expect_last=first) == first


async def test_expected_sequence_is_of_the_subject(log: Bus) -> None:
    one = await log.publish("log.a", b"", expect_last=0)
    await log.publish("log.b", b"", expect_last=0)
    assert await log.publish("log.a", b"", expect_last=one) == 3
    for wrong in (0, 1, 2):
        with pytest.raises(WrongRevision):
            await log.publish("log.a", b"", expect_last=wrong)


async def test_refused_publish_does_not_burn_its_message_id(log: Bus) -> None:
    with pytest.raises(WrongRevision):
        await log.publish("log.a", b"", expect_last=7, msg_id="1")
    assert await log.publish("log.a", b"", expect_last=0, msg_id="1") == 1


async def test_subject_without_stream(bus: Bus) -> None:
    with pytest.raises(Unavailable):
        await bus.publish("nobody.takes.this", b"")


async def test_missing_stream(bus: Bus) -> None:
    for call in (
        bus.last("NONE", "a"),
        bus.last_many("NONE", "a.*"),
        bus.read("NONE", "a"),
        bus.last_sequence("NONE"),
        bus.purge("NONE", "a"),
        bus.subscribe("NONE", ["a"], lambda entry: None),
    ):
        with pytest.raises(NoStream):
            await call


async def test_payload_above_the_limit_is_refused_at_once(log: Bus) -> None:
    with pytest.raises(ValueError, match="payload"):
        log.publish("log.a", bytes(PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("subject", ["log.a b", "log.a\r\nPUB x 0", "log.\ta"])
async def test_subject_cannot_inject_commands(log: Bus, subject: str) -> None:
    if isinstance(log, NatsBus):
        with pytest.raises(ValueError, match="subject"):
            log.publish(subject, b"")


async def test_largest_payload_passes(bus: Bus) -> None:
    await bus.ensure_stream(StreamSpec("BIG", ("big",), 8 << 20, in_memory=True))
    got: list[Entry] = []
    caught_up = asyncio.Event()
    payload = bytes(range(256)) * (PAYLOAD_BYTES_MAX // 256)
    await bus.publish("big", payload, msg_id="1")
    await bus.subscribe("BIG", ["big"], got.append, on_caught_up=caught_up.set)
    await asyncio.wait_for(caught_up.wait(), 5)
    assert got[0].payload == payload
    assert (await bus.read("BIG", "big"))[0].payload == payload


async def test_full_stream_refuses_until_there_is_room(bus: Bus) -> None:
    await bus.ensure_stream(StreamSpec("SMALL", ("small.>",), 4096, in_memory=True))
    with pytest.raises(StreamFull):
        for _ in range(10):
            await bus.publish("small.a", bytes(1000))
    kept = len(await bus.read("SMALL", "small.a"))
    assert 2 <= kept <= 4
    await bus.purge("SMALL", "small.a")
    await bus.publish("small.a", bytes(1000))


async def test_full_stream_drops_the_oldest_where_it_may(bus: Bus) -> None:
    await bus.ensure_stream(StreamSpec("RING", ("ring.>",), 4096, in_memory=True, drops_oldest=True))
    for number in range(10):
        await bus.publish(f"ring.{number % 2}", bytes((number,)) * 1000)
    kept = [entry.payload[0] for entry in await bus.read("RING", "ring.>")]
    assert 2 <= len(kept) <= 4
    assert kept == list(range(10))[-len(kept) :]


async def test_read_pages_and_wildcards(log: Bus) -> None:
    for number in range(30):
        await log.publish(f"log.{number % 3}", str(number).encode())
    assert payloads(await log.read("LOG", "log.1", limit=4)) == [1, 4, 7, 10]
    assert payloads(await log.read("LOG", "log.1", after=20, limit=2)) == [22, 25]
    assert payloads(await log.read("LOG", "log.*", after=25)) == [25, 26, 27, 28, 29]
    assert payloads(await log.read("LOG", "log.>", limit=3)) == [0, 1, 2]
    assert await log.read("LOG", "log.none") == []
    assert await log.read("LOG", "log.1", after=1000) == []


async def test_read_more_than_one_answer_holds(log: Bus) -> None:
    await asyncio.gather(*(log.publish("log.a", str(number).encode()) for number in range(2500)))
    assert payloads(await log.read("LOG", "log.a", limit=2300)) == list(range(2300))


async def test_entries_with_their_times(log: Bus) -> None:
    for number in range(6):
        await log.publish(f"log.{number % 2}", bytes([number]))
        await asyncio.sleep(0.002)
    every = await log.dated("LOG", "log.*")
    assert [one.entry.payload[0] for one in every] == list(range(6))
    times = [one.stored_us for one in every]
    assert times == sorted(times) and len(set(times)) == 6
    # Since the moment at which one was stored: it, and what came behind.
    later = await log.dated("LOG", "log.*", since_us=times[3])
    assert [one.entry.payload[0] for one in later] == [3, 4, 5]
    assert [one.entry.payload[0] for one in await log.dated("LOG", "log.1", after=every[1].entry.sequence)] == [3, 5]
    assert len(await log.dated("LOG", "log.*", limit=2)) == 2
    assert await log.dated("LOG", "log.*", since_us=times[-1] + 3_600_000_000) == []


async def test_last_of_a_subject(log: Bus) -> None:
    assert await log.last("LOG", "log.a") is None
    await fill(log, "log.a", 3)
    await log.publish("log.b", b"", operation="DEL")
    assert await log.last("LOG", "log.a") == Entry("log.a", 3, b"2")
    assert await log.last("LOG", "log.b") == Entry("log.b", 4, b"", "DEL")


async def test_last_of_many_subjects(log: Bus) -> None:
    for number in range(10):
        await log.publish(f"log.{number % 3}", str(number).encode())
    assert payloads(await log.last_many("LOG", "log.*")) == [7, 8, 9]
    assert await log.last_many("LOG", "log.none.*") == []


async def test_last_of_more_subjects_than_one_answer_holds(log: Bus) -> None:
    await asyncio.gather(*(log.publish(f"log.{number}", str(number).encode()) for number in range(1500)))
    assert payloads(await log.last_many("LOG", "log.*")) == list(range(1500))


async def test_per_subject_limit_keeps_the_newest(bus: Bus) -> None:
    await bus.ensure_stream(StreamSpec("LATEST", ("latest.>",), 1 << 20, per_subject_max=1, in_memory=True))
    await fill(bus, "latest.a", 5)
    await fill(bus, "latest.b", 5)
    assert payloads(await bus.read("LATEST", "latest.>")) == [4, 4]


async def test_purge(log: Bus) -> None:
    for number in range(10):
        await log.publish(f"log.{number % 2}", str(number).encode())
    await log.purge("LOG", "log.0", below=5)
    assert payloads(await log.read("LOG", "log.0")) == [4, 6, 8]
    await log.purge("LOG", "log.0")
    assert payloads(await log.read("LOG", "log.>")) == [1, 3, 5, 7, 9]
    assert await log.last_sequence("LOG") == 10


async def test_entries_grow_old(bus: Bus, eventually: Eventually) -> None:
    await bus.ensure_stream(StreamSpec("SHORT", ("short.>",), 1 << 20, age_seconds_max=0.3, in_memory=True))
    await bus.publish("short.a", b"", expect_last=0)
    left: list[Entry] = [Entry("", 0, b"")]

    async def look() -> None:
        while left:
            left[:] = await bus.read("SHORT", "short.a")

    await asyncio.wait_for(look(), 5)
    # Nothing stands there any more, so the first revision is expected again.
    await bus.publish("short.a", b"", expect_last=0)


async def test_time_to_live_of_one_entry(log: Bus) -> None:
    await log.publish("log.a", b"", ttl_seconds=1)
    await log.publish("log.b", b"")

    async def look() -> None:
        while len(await log.read("LOG", "log.>")) > 1:
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 8)
    assert [entry.subject for entry in await log.read("LOG", "log.>")] == ["log.b"]


async def test_time_to_live_needs_permission(bus: Bus) -> None:
    with pytest.raises(BusError):
        await bus.publish("natter.lane.0", b"", ttl_seconds=1)


@pytest.mark.parametrize(
    ("start", "expected"),
    [(Start.ALL, [0, 1, 2, 3, 4, 10]), (3, [2, 3, 4, 10]), (Start.NEW, [10]), (Start.LAST_PER_SUBJECT, [4, 10])],
)
async def test_subscription_starts_where_asked(
    log: Bus, eventually: Eventually, start: Start | int, expected: list[int]
) -> None:
    await fill(log, "log.a", 5)
    got: list[Entry] = []
    subscription = await log.subscribe("LOG", ["log.a"], got.append, start=start)
    await log.publish("log.a", b"10")
    await eventually(lambda: len(got) >= len(expected))
    assert payloads(got) == expected
    await subscription.stop()


async def test_subscription_is_in_order_and_complete(log: Bus, eventually: Eventually) -> None:
    got: list[Entry] = []
    await fill(log, "log.a", 100)
    await log.subscribe("LOG", ["log.>"], got.append, in_flight_max=16)
    await asyncio.gather(*(log.publish(f"log.{n % 7}", str(n).encode()) for n in range(100, 3000)))
    await eventually(lambda: len(got) >= 3000)
    assert payloads(got) == list(range(3000))
    assert [entry.sequence for entry in got] == list(range(1, 3001))


async def test_subscription_to_several_subjects(log: Bus, eventually: Eventually) -> None:
    got: list[Entry] = []
    await log.subscribe("LOG", ["log.a", "log.b.*"], got.append)
    for number, subject in enumerate(["log.a", "log.b", "log.b.c", "log.c", "log.b.d", "log.a"]):
        await log.publish(subject, str(number).encode())
    await eventually(lambda: len(got) >= 4)
    assert payloads(got) == [0, 2, 4, 5]


async def test_caught_up_comes_once_and_not_too_early(log: Bus, eventually: Eventually) -> None:
    seen: list[int] = []
    got: list[Entry] = []
    await fill(log, "log.a", 300)
    await fill(log, "log.b", 3)
    await log.subscribe("LOG", ["log.a"], got.append, on_caught_up=lambda: seen.append(len(got)), in_flight_max=10)
    await eventually(lambda: seen)
    await fill(log, "log.a", 5)
    await eventually(lambda: len(got) == 305)
    assert seen == [300]


@pytest.mark.parametrize("start", [Start.ALL, Start.NEW, Start.LAST_PER_SUBJECT, 5])
async def test_caught_up_on_an_empty_stream(log: Bus, eventually: Eventually, start: Start | int) -> None:
    seen: list[int] = []
    await log.subscribe("LOG", ["log.a"], lambda entry: None, start=start, on_caught_up=lambda: seen.append(1))
    await eventually(lambda: seen)


async def test_stopped_subscription_is_silent(log: Bus, eventually: Eventually) -> None:
    got: list[Entry] = []
    other: list[Entry] = []
    subscription = await log.subscribe("LOG", ["log.>"], got.append)
    await log.subscribe("LOG", ["log.>"], other.append)
    await fill(log, "log.a", 3)
    await eventually(lambda: len(got) == len(other) == 3)
    await subscription.stop()
    await subscription.stop()
    await fill(log, "log.a", 3)
    await eventually(lambda: len(other) == 6)
    assert len(got) == 3


async def test_pause_holds_back_and_resume_goes_on(log: Bus, eventually: Eventually) -> None:
    got: list[Entry] = []
    other: list[Entry] = []

    def take(entry: Entry) -> None:
        got.append(entry)
        if len(got) == 10:
            subscription.pause()

    subscription = await log.subscribe("LOG", ["log.a"], take, in_flight_max=32)
    await log.subscribe("LOG", ["log.a"], other.append)
    await fill(log, "log.a", 200)
    await eventually(lambda: len(other) == 200)
    assert len(got) == 10
    subscription.resume()
    await eventually(lambda: len(got) == 200)
    assert payloads(got) == list(range(200))


async def test_callback_that_raises_is_counted_and_passed(log: Bus, eventually: Eventually) -> None:
    got: list[int] = []

    def take(entry: Entry) -> None:
        got.append(int(entry.payload))
        if entry.payload == b"1":
            raise RuntimeError("poison")

    before = names.POISON.values.get(("LOG",), 0)
    await log.subscribe("LOG", ["log.a"], take)
    await fill(log, "log.a", 3)
    await eventually(lambda: got == [0, 1, 2])
    assert names.POISON.values[("LOG",)] == before + 1


async def test_operation_travels(log: Bus, eventually: Eventually) -> None:
    got: list[Entry] = []
    await log.subscribe("LOG", ["log.>"], got.append)
    await log.publish("log.a", b"x", operation="PURGE", msg_id="1")
    await eventually(lambda: got)
    assert got == [Entry("log.a", 1, b"x", "PURGE")]


async def test_request_and_answer(bus: Bus) -> None:
    assert isinstance(bus, MemoryBus | NatsBus)

    async def handler(payload: bytes) -> bytes:
        return payload[::-1]

    bus.respond("natter.rpc.test.*", handler)
    answers = await asyncio.gather(
        *(bus.request("natter.rpc.test.turn", str(number).zfill(4).encode()) for number in range(50))
    )
    assert answers[12] == b"2100"


async def test_request_without_server_or_answer(bus: Bus) -> None:
    assert isinstance(bus, MemoryBus | NatsBus)

    async def slow(payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    bus.respond("natter.rpc.test.slow", slow)
    with pytest.raises(Unavailable):
        await bus.request("natter.rpc.test.none", b"")
    with pytest.raises(Unavailable):
        await bus.request("natter.rpc.test.slow", b"", seconds_max=0.1)


async def test_stream_configuration_is_brought_up_to_date(bus: Bus) -> None:
    await bus.ensure_stream(StreamSpec("GROWING", ("growing.>",), 2000, in_memory=True))
    with contextlib.suppress(StreamFull):
        for _ in range(10):
            await bus.publish("growing.a", bytes(500))
    await bus.ensure_stream(StreamSpec("GROWING", ("growing.>", "grown.>"), 1 << 20, in_memory=True))
    await bus.publish("growing.a", bytes(500))
    await bus.publish("grown.a", bytes(500))


async def test_ensure_twice_keeps_the_entries(log: Bus) -> None:
    await fill(log, "log.a", 3)
    await log.ensure_stream(LOG)
    assert len(await log.read("LOG", "log.a")) == 3


async def test_a_paused_reader_says_how_far_behind_it_is(bus: Bus, eventually: Callable[..., Awaitable[None]]) -> None:
    seen: list[Entry] = []
    reader = await bus.subscribe(subjects.LANES, (subjects.lane(0),), seen.append)
    await bus.publish(subjects.lane(0), b"0")
    await eventually(lambda: len(seen) == 1 and reader.behind == 0)
    reader.pause()
    for n in range(5):
        await bus.publish(subjects.lane(0), b"%d" % n)
    await eventually(lambda: reader.behind == 5)
    reader.resume()
    await eventually(lambda: len(seen) == 6 and reader.behind == 0)
    await reader.stop()
