"""Senders: order, group commit, one in flight, and repetition until stored."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
from gate import Gate
from hypothesis import given, settings
from hypothesis import strategies as st
from natter.bus import sender as module
from natter.bus import subjects
from natter.bus.api import PAYLOAD_BYTES_MAX, Bus, BusError, PublishUnknown, StreamFull, Unavailable
from natter.bus.memory import MemoryBus
from natter.bus.sender import Sender, Senders
from natter.proto.v1 import bus_pb2
from natter.telemetry import names

SUBJECT = subjects.deliver("gateway-1")


def frame(number: int, size: int = 10) -> bus_pb2.Frame:
    return bus_pb2.Frame(id=str(number), stanza=bytes(size))


async def stored_envelopes(bus: Bus, subject: str = SUBJECT) -> list[bus_pb2.Envelope]:
    return [bus_pb2.Envelope.FromString(e.payload) for e in await bus.read(subjects.DELIVERIES, subject, limit=100_000)]


async def stored_ids(bus: Bus, subject: str = SUBJECT) -> list[int]:
    return [int(frame.id) for envelope in await stored_envelopes(bus, subject) for frame in envelope.frames]


async def test_frames_of_one_tick_are_one_envelope(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "lane.1", publisher="p")
    told: list[int] = []
    for number in range(100):
        sender.add(frame(number), lambda number=number: told.append(number))
    assert sender.waiting_frames == 100
    assert sender.waiting_bytes > 1000
    await sender.drain()
    envelopes = await stored_envelopes(bus)
    assert [e.source for e in envelopes] == ["lane.1"]
    assert await stored_ids(bus) == told == list(range(100))
    assert sender.waiting_frames == sender.waiting_bytes == 0


async def test_batches_are_bounded(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p", bytes_max=1000, frames_max=4)
    for number in range(10):
        sender.add(frame(number, 100))
    sender.add(frame(10, 5000))
    for number in range(11, 14):
        sender.add(frame(number, 400))
    await sender.drain()
    sizes = [[int(f.id) for f in e.frames] for e in await stored_envelopes(bus)]
    assert sizes == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10], [11, 12], [13]]


async def test_frame_that_can_never_be_published_is_refused(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    sender.add(frame(0, PAYLOAD_BYTES_MAX - 100))
    with pytest.raises(ValueError, match="frame"):
        sender.add(frame(1, PAYLOAD_BYTES_MAX))
    sender.add(frame(2))
    await sender.drain()
    assert await stored_ids(bus) == [0, 2]


async def test_any_number_may_wait_for_one_frame(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    told: list[int] = []
    sender.add(frame(0), lambda: told.append(0))
    for number in range(1, 3000):
        sender.when_stored(lambda number=number: told.append(number))
    await sender.drain()
    assert told == list(range(3000))


async def test_two_senders_with_the_same_names_do_not_shadow_each_other(bus: Bus) -> None:
    for number in range(2):
        sender = Sender(bus, SUBJECT, "s", publisher="p")
        sender.add(frame(number))
        await sender.drain()
    assert await stored_ids(bus) == [0, 1]


async def test_what_callbacks_add_goes_behind(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    sender.add(frame(0), lambda: sender.add(frame(2)))
    sender.add(frame(1))
    await sender.drain()
    assert await stored_ids(bus) == [0, 1, 2]


async def test_a_marker_runs_behind_everything_added_before_it(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p", frames_max=2)
    told: list[str] = []
    sender.when_stored(lambda: told.append("nothing"))
    assert told == ["nothing"]
    for number in range(5):
        sender.add(frame(number), lambda number=number: told.append(str(number)))
    sender.when_stored(lambda: told.append("first"))
    sender.when_stored(lambda: told.append("second"))
    sender.add(frame(5), lambda: told.append("5"))
    await asyncio.sleep(0)
    await sender.drain()
    assert told == ["nothing", *"01234", "first", "second", "5"]
    sender.add(frame(6))
    # In flight, with nothing behind it.
    await asyncio.sleep(0)
    sender.when_stored(lambda: told.append("third"))
    await sender.drain()
    assert told[-1] == "third"
    await sender.close()
    sender.when_stored(lambda: told.append("never"))
    assert told[-1] == "third"


async def test_frames_of_a_batch_are_measured(bus: Bus) -> None:
    before = list(names.BATCH_FRAMES.counts.get(("deliver",), [0] * 14))
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    for number in range(5):
        sender.add(frame(number))
    await sender.drain()
    now = names.BATCH_FRAMES.counts["deliver",]
    # One batch, of five: the bucket up to 8.
    assert [n - b for n, b in zip(now, before, strict=True)] == [0, 0, 0, 1] + [0] * 10


async def test_callback_that_raises_stops_nothing(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    told: list[int] = []
    sender.add(frame(0), lambda: told.append(1 // 0))
    sender.add(frame(1), lambda: told.append(1))
    await sender.drain()
    assert told == [1]


async def test_outage_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_SECONDS_MIN", 0.001)
    monkeypatch.setattr(module, "BACKOFF_SECONDS_MAX", 0.002)
    bus = MemoryBus()
    for spec in subjects.streams():
        await bus.ensure_stream(spec)
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    bus.disconnect()
    for number in range(3):
        sender.add(frame(number))
        await asyncio.sleep(0)
    assert sender.waiting_frames == 3
    bus.reconnect()
    await sender.drain()
    assert await stored_ids(bus) == [0, 1, 2]


async def test_close_forgets(bus: Bus) -> None:
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    told: list[int] = []
    sender.add(frame(0), lambda: told.append(0))
    await sender.close()
    sender.add(frame(1))
    await asyncio.wait_for(sender.drain(), 1)
    await bus.last_sequence(subjects.DELIVERIES)
    assert told == []
    assert await stored_ids(bus) == []


async def test_senders_keep_order_per_subject_and_forget_idle_ones(bus: Bus) -> None:
    senders = Senders(bus, "lane.0", "p", idle_max=2)
    for number in range(30):
        senders.add(subjects.deliver(f"g{number % 5}"), frame(number))
        if number % 7 == 0:
            await senders.drain()
    assert senders.waiting_bytes > 0
    await senders.drain()
    assert senders.waiting_bytes == 0
    for gateway in range(5):
        assert await stored_ids(bus, subjects.deliver(f"g{gateway}")) == list(range(gateway, 30, 5))
    senders.to(subjects.deliver("g0"))
    assert len(senders._senders) <= 6
    await senders.close()


class Faulty:
    """Fails as it is told: "full", "unavailable", "lost" (unknown, not stored), "stored" (unknown, but stored)."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self.known: OrderedDict[str, int] = OrderedDict()
        self.stored: list[bytes] = []
        self.in_flight = 0

    def publish(self, subject: str, payload: bytes, *, msg_id: str = "", **_: Any) -> asyncio.Future[int]:
        assert self.in_flight == 0, "one publish in flight per sender"
        self.in_flight += 1
        fault = self.faults.pop(0) if self.faults else ""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        error: BusError | None = None
        match fault:
            case "full":
                error = StreamFull()
            case "unavailable":
                error = Unavailable()
            case "lost":
                error = PublishUnknown()
            case "stored":
                self.store(msg_id, payload)
                error = PublishUnknown()
            case _:
                self.store(msg_id, payload)
        loop.call_soon(self.answer, future, error)
        return future

    def store(self, msg_id: str, payload: bytes) -> None:
        if msg_id not in self.known:
            self.known[msg_id] = len(self.known)
            self.stored.append(payload)

    def answer(self, future: asyncio.Future[int], error: BusError | None) -> None:
        self.in_flight -= 1
        if error is None:
            future.set_result(len(self.stored))
        else:
            future.set_exception(error)


FAULTS = st.lists(st.sampled_from(["", "full", "unavailable", "lost", "stored"]), max_size=40)


@pytest.mark.parametrize("stored", [True, False])
async def test_long_doubt_is_cleared_up_by_looking(stored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server forgets ids after two minutes: a batch whose fate is unknown for longer is looked for."""
    monkeypatch.setattr(module, "DOUBT_SECONDS_MAX", 0.0)
    bus = MemoryBus()
    for spec in subjects.streams():
        await bus.ensure_stream(replace(spec, dedup_seconds=0.0))
    original = bus.publish
    faults = ["lost", "stored" if stored else "lost"]

    def publish(subject: str, payload: bytes, **options: Any) -> asyncio.Future[int]:
        if not faults or payload == b"other":
            return original(subject, payload, **options)
        if faults.pop() == "stored":
            original(subject, payload, **options)
        for _ in range(40):
            original(subject, b"other")
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_exception(PublishUnknown())
        return future

    monkeypatch.setattr(bus, "publish", publish)
    sender = Sender(bus, SUBJECT, "s", publisher="p")
    told: list[int] = []
    for number in range(5):
        sender.add(frame(number), lambda number=number: told.append(number))
    await sender.drain()
    entries = await bus.read(subjects.DELIVERIES, SUBJECT)
    assert len([entry for entry in entries if entry.payload != b"other"]) == 1
    assert told == list(range(5))


@settings(deadline=None)
@given(FAULTS, st.lists(st.lists(st.integers(0, 600), max_size=8), max_size=12))
def test_never_reordered_lost_or_twice(faults: list[str], ticks: list[list[int]]) -> None:
    async def run() -> None:
        bus = Faulty(list(faults))
        sender = Sender(bus, SUBJECT, "s", publisher="p", bytes_max=1000, frames_max=5)  # type: ignore[arg-type]
        told: list[int] = []
        number = 0
        for tick in ticks:
            for size in tick:
                sender.add(frame(number, size), lambda number=number: told.append(number))
                number += 1
            await asyncio.sleep(0)
        await asyncio.wait_for(sender.drain(), 10)
        frames = [int(f.id) for p in bus.stored for f in bus_pb2.Envelope.FromString(p).frames]
        assert frames == told == list(range(number))
        assert sender.waiting_bytes == sender.waiting_frames == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BACKOFF_SECONDS_MIN", 0.0)
        patch.setattr(module, "BACKOFF_SECONDS_MAX", 0.0)
        asyncio.run(run())


async def test_who_may_not_send_waits_and_goes_on_in_order(bus: Bus) -> None:
    allowed = False
    senders = Senders(bus, "lane.1", "p", may=lambda: allowed)
    for number in range(3):
        senders.add(SUBJECT, frame(number))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await senders.drain()
    assert await stored_ids(bus) == []
    senders.add(SUBJECT, frame(3))
    allowed = True
    await senders.drain()
    assert await stored_ids(bus) == [0, 1, 2, 3]
    await senders.close()


async def test_who_lost_his_lease_and_is_closed_sends_nothing_more(bus: Bus) -> None:
    senders = Senders(bus, "lane.1", "p", may=lambda: False)
    senders.add(SUBJECT, frame(0))
    await asyncio.sleep(0)
    await senders.close()
    await asyncio.sleep(2 * module.MAY_SECONDS)
    assert await stored_ids(bus) == []


async def test_what_follows_a_move_waits_for_what_went_before(bus: Bus) -> None:
    gate = Gate(bus)
    old, new = subjects.deliver("old"), subjects.deliver("new")
    gate.shut = {old}
    senders = Senders(bus, "room.1", "p")
    senders.add(old, frame(1))
    senders.add(new, frame(2))
    senders.moved(old, new)
    senders.add(new, frame(3))
    senders.add(new, frame(4))
    await gate.tried()
    async with asyncio.timeout(30):
        while await stored_ids(bus, new) != [2]:
            await asyncio.sleep(0.005)
    assert senders.to(new).waiting_frames == 2
    gate.shut.clear()
    await senders.drain()
    assert await stored_ids(bus, old) == [1]
    assert await stored_ids(bus, new) == [2, 3, 4]
    # Nothing is left to wait for.
    senders.moved(old, new)
    senders.add(new, frame(5))
    await senders.drain()
    assert await stored_ids(bus, new) == [2, 3, 4, 5]
    await senders.close()


async def test_moves_in_both_directions_do_not_wait_for_each_other(bus: Bus) -> None:
    senders = Senders(bus, "room.1", "p")
    one, two = subjects.deliver("one"), subjects.deliver("two")
    number = 0
    for _ in range(5):
        for subject in (one, two):
            for _ in range(3):
                senders.add(subject, frame(number))
                number += 1
            senders.moved(one, two)
            senders.moved(two, one)
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await senders.drain()
    assert sorted([*await stored_ids(bus, one), *await stored_ids(bus, two)]) == list(range(30))
    assert await stored_ids(bus, one) == sorted(await stored_ids(bus, one))
    await senders.close()


async def test_who_waits_behind_another_can_be_closed(bus: Bus) -> None:
    gate = Gate(bus)
    gate.shut = {SUBJECT}
    senders = Senders(bus, "room.1", "p")
    other = subjects.deliver("other")
    senders.add(SUBJECT, frame(1))
    senders.moved(SUBJECT, other)
    senders.add(other, frame(2))
    await gate.tried()
    await senders.close()
    gate.shut.clear()
    await asyncio.sleep(0)
    assert await stored_ids(bus, other) == []


async def test_a_full_js_stream_is_told_of_once_and_when_it_is_over() -> None:
    told: list[bool] = []
    sender = Sender(Faulty(["full", "full", "lost", "full"]), SUBJECT, "s", publisher="p")  # type: ignore[arg-type]
    sender.on_full = told.append
    sender.add(frame(1))
    await sender.drain()
    sender.add(frame(2))
    await sender.drain()
    assert told == [True, False]
