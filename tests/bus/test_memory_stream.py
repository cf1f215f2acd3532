"""Limits, expiry and deduplication of a js_stream in memory, with a clock in hand."""

from __future__ import annotations

import pytest
from natter.bus.api import BusError, StreamFull, StreamSpec, WrongRevision
from natter.bus.memory_stream import OVERHEAD_BYTES, MemoryStream


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, **changes: object) -> MemoryStream:
    spec = StreamSpec("S", ("s.>",), changes.pop("bytes_max", 1 << 20), **changes)  # type: ignore[arg-type]
    return MemoryStream(spec, clock)


def put(stream: MemoryStream, subject: str = "s.a", payload: bytes = b"", **options: object) -> int:
    arguments = {"msg_id": "", "expect_last": None, "operation": "", "ttl_seconds": 0.0} | options
    return stream.append(subject, payload, **arguments)  # type: ignore[arg-type]


def test_age(clock: Clock) -> None:
    stream = make(clock, age_seconds_max=10.0)
    put(stream)
    clock.now += 5
    put(stream)
    clock.now += 5
    assert [entry.sequence for entry in stream.read("s.a", 0, 10)] == [2]
    clock.now += 5
    assert stream.last("s.a") is None
    assert put(stream, expect_last=0) == 3


def test_time_to_live(clock: Clock) -> None:
    stream = make(clock, message_ttl=True)
    put(stream, ttl_seconds=5)
    put(stream)
    clock.now += 5
    assert [entry.sequence for entry in stream.read("s.a", 0, 10)] == [2]
    with pytest.raises(BusError):
        put(make(clock), ttl_seconds=5)


def test_deduplication_window(clock: Clock) -> None:
    stream = make(clock, dedup_seconds=10.0)
    assert put(stream, msg_id="x") == 1
    clock.now += 9
    assert put(stream, msg_id="x") == 1
    clock.now += 2
    assert put(stream, msg_id="x") == 2


def test_deduplication_is_no_longer_than_the_age(clock: Clock) -> None:
    stream = make(clock, dedup_seconds=100.0, age_seconds_max=5.0)
    put(stream, msg_id="x")
    clock.now += 6
    assert put(stream, msg_id="x") == 2


def test_bytes(clock: Clock) -> None:
    size = len("s.a") + 10 + OVERHEAD_BYTES
    stream = make(clock, bytes_max=size * 2)
    put(stream, payload=bytes(10))
    put(stream, payload=bytes(10))
    with pytest.raises(StreamFull):
        put(stream, payload=b"")
    stream.purge(lambda subject: True, 2)
    assert put(stream, payload=bytes(10)) == 3


def test_full_bucket_still_takes_replacements(clock: Clock) -> None:
    size = len("s.a") + 10 + OVERHEAD_BYTES
    stream = make(clock, bytes_max=size, per_subject_max=1)
    put(stream, payload=bytes(10))
    put(stream, payload=bytes(10))
    with pytest.raises(StreamFull):
        put(stream, "s.b", payload=bytes(10))


def test_wrong_revision_changes_nothing(clock: Clock) -> None:
    stream = make(clock, per_subject_max=1)
    put(stream, payload=b"x")
    with pytest.raises(WrongRevision):
        put(stream, expect_last=0)
    assert [entry.payload for entry in stream.read("s.a", 0, 10)] == [b"x"]
    assert stream.last_sequence == 1
