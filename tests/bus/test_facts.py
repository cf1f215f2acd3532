"""Rows of stanza metadata: columns, batches, retries, and what never leaves."""

from __future__ import annotations

import asyncio
import sys
from array import array
from timeit import repeat
from typing import Any

import pytest
from natter.bus import facts
from natter.bus.api import PublishUnknown
from natter.bus.facts import FactsWriter
from natter.proto.v1 import analytics_pb2, bus_pb2
from natter.telemetry import names

CANARY = "canary-9f2c"


class Recording:
    """A bus that only publishes; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[tuple[str, bytes, str]] = []

    def publish(self, subject: str, payload: bytes, *, msg_id: str = "", **_: Any) -> asyncio.Future[int]:
        self.sent.append((subject, payload, msg_id))
        future = asyncio.get_running_loop().create_future()
        if self.failures:
            self.failures -= 1
            future.set_exception(PublishUnknown())
        else:
            future.set_result(len(self.sent))
        return future


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "RETRY_SECONDS", (0.0,))


def add(writer: FactsWriter, **changes: Any) -> None:
    row: dict[str, Any] = {
        "time_us": 1_700_000_000_000_000,
        "kind": 1,
        "type": "chat",
        "direction": 0,
        "outcome": "accepted",
        "sender": "alice@example.org/phone",
        "to": "bob@example.org",
        "bytes": 120,
        "latency_us": 900,
    }
    writer.add(**{**row, **changes})


def decoded(payload: bytes) -> tuple[analytics_pb2.StanzaFacts, dict[str, list[Any]]]:
    message = analytics_pb2.StanzaFacts.FromString(payload)
    words = {
        n: [message.names[i] for i in array("H", getattr(message, n))] for n in ("type", "outcome", "sender", "to")
    }
    numbers = {
        n: list(array(c, getattr(message, n))) for n, c in (("time_us", "Q"), ("size", "I"), ("latency_us", "I"))
    }
    columns = {**words, **numbers, "kind": list(message.kind), "direction": list(message.direction)}
    if message.alike:
        # Each entry is so many rows; sizes are each row's own.
        times = array("H", message.alike)
        spread = {
            n: [v for v, t in zip(c, times, strict=True) for _ in range(t)] for n, c in columns.items() if n != "size"
        }
        columns = {name: spread.get(name, columns[name]) for name in columns}
    return message, columns


async def test_rows_arrive_in_columns() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    add(writer)
    add(writer, kind=3, type="get", direction=1, outcome="delivered", to="", trace_id="a" * 32, transport="tls")
    await writer.close()
    [(subject, payload, msg_id)] = bus.sent
    message, columns = decoded(payload)
    assert subject.startswith("natter.facts.") and msg_id == f"{message.instance}.1"
    assert message.instance.startswith("gateway-1-") and message.sequence == 1 and message.rows == 2
    assert columns == {
        "type": ["chat", "get"],
        "outcome": ["accepted", "delivered"],
        "sender": ["alice@example.org", "alice@example.org"],
        "to": ["bob@example.org", ""],
        "time_us": [1_700_000_000_000_000] * 2,
        "size": [120, 120],
        "latency_us": [900, 900],
        "kind": [1, 3],
        "direction": [0, 1],
    }
    assert list(array("H", message.traced)) == [1] and list(message.trace_id) == ["a" * 32]


async def test_what_ends_here_is_a_row() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    frame = bus_pb2.Frame(kind=1, type="chat", sender="alice@x", to="bob@x", stanza=b"<m/>", accepted_us=1_000)
    writer.ended(frame, "dropped:none", 1_700, "a" * 32)
    # Who clocks behind the gateway, or does not know when it came, measured nothing.
    writer.ended(frame, "dropped:none", 900)
    frame.ClearField("accepted_us")
    writer.ended(frame, "dropped:none", 900)
    await writer.close()
    message, columns = decoded(bus.sent[0][1])
    assert columns["latency_us"] == [700, 0, 0] and columns["time_us"] == [1_700, 900, 900]
    assert columns["size"] == [4] * 3 and columns["direction"] == [0] * 3
    assert columns["outcome"] == ["dropped:none"] * 3 and columns["kind"] == [1] * 3
    assert columns["sender"] == ["alice@x"] * 3 and columns["to"] == ["bob@x"] * 3
    assert list(array("H", message.traced)) == [0] and list(message.trace_id) == ["a" * 32]


async def test_a_full_batch_leaves_at_once_and_sequences_go_on() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    for _ in range(facts.ROWS_MAX + 3):
        add(writer)
    await asyncio.sleep(0)
    assert len(bus.sent) == 1
    await writer.close()
    messages = [decoded(payload)[0] for _, payload, _ in bus.sent]
    assert [(m.sequence, m.rows) for m in messages] == [(1, facts.ROWS_MAX), (facts.ROWS_MAX + 1, 3)]


async def test_many_rows_at_once() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    add(writer)
    [row] = writer._rows
    for count in (5, facts.ROWS_MAX, facts.ROWS_MAX - 3, 2 * facts.ROWS_MAX, 0):
        writer.extend([row] * count)
        assert (writer._timer is not None) == bool(writer._rows)
    await writer.close()
    messages = [decoded(payload)[0] for _, payload, _ in bus.sent]
    assert sum(message.rows for message in messages) == 1 + 5 + 4 * facts.ROWS_MAX - 3
    assert [m.sequence for m in messages] == [1 + sum(n.rows for n in messages[:i]) for i in range(len(messages))]


async def test_a_broadcast_is_one_row_with_all_its_recipients() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    add(writer)
    add(writer, to="b@x/1", others=["c@x/1", "d@x/2", "b@x/2"])
    add(writer)
    writer.flush()
    add(writer)
    await writer.close()
    first, second = (decoded(payload)[0] for _, payload, _ in bus.sent)
    assert list(array("I", first.others)) == [0, 3, 0]
    assert [first.names[i] for i in array("H", first.others_to)] == ["c@x", "d@x", "b@x"]
    assert (first.sequence, first.rows, second.sequence, second.others) == (1, 3, 7, b"")


async def test_many_recipients_leave_at_once_and_split_with_sequences_that_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "BATCH_BYTES_MAX", 400)
    monkeypatch.setattr(facts, "OTHERS_MAX", 40)
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    for _ in range(4):
        add(writer, others=[f"{i}@example.org" for i in range(10)])
    assert writer._rows == []
    await writer.close()
    messages = [decoded(payload)[0] for _, payload, _ in bus.sent]
    assert len(messages) > 1
    assert [m.sequence for m in messages] == [1 + 11 * sum(m.rows for m in messages[:i]) for i in range(len(messages))]


async def test_the_timer_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "FLUSH_SECONDS", 0.01)
    bus = Recording()
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    add(writer)
    async with asyncio.timeout(30):
        while not bus.sent:
            await asyncio.sleep(0.005)
    await writer.close()
    assert len(bus.sent) == 1


async def test_an_unknown_publish_is_repeated_with_the_same_id() -> None:
    bus = Recording(failures=3)
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    add(writer)
    await writer.close()
    assert len(bus.sent) == 4 and len(set(bus.sent)) == 1


async def test_what_waits_is_bounded_and_counted() -> None:
    before = names.FACTS_DROPPED.values.get((), 0)
    bus = Recording(failures=sys.maxsize)
    writer = FactsWriter(bus, "router-1")  # type: ignore[arg-type]
    for _ in range(facts.BATCHES_WAITING_MAX + 2):
        add(writer)
        writer.flush()
    assert names.FACTS_DROPPED.values[()] == before + 2
    await writer.close(seconds_max=0.01)
    assert names.FACTS_DROPPED.values[()] == before + facts.BATCHES_WAITING_MAX + 2


async def test_a_batch_is_given_up_before_the_deduplication_window_ends() -> None:
    before = names.FACTS_DROPPED.values.get((), 0)
    writer = FactsWriter(Recording(failures=sys.maxsize), "router-1", wait_seconds_max=0.0)  # type: ignore[arg-type]
    add(writer)
    await writer.close()
    assert names.FACTS_DROPPED.values[()] == before + 1
    assert facts.WAIT_SECONDS_MAX + facts.RETRY_SECONDS[-1] < 120


async def test_instances_of_two_starts_differ() -> None:
    bus = Recording()
    assert FactsWriter(bus, "a").instance != FactsWriter(bus, "a").instance  # type: ignore[arg-type]


async def test_long_jids_split_a_batch() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    for i in range(facts.ROWS_MAX):
        add(writer, sender=f"{i:01000}@example.org/r", to=f"{i:01001}@example.org")
    await writer.close()
    messages = [decoded(payload)[0] for _, payload, _ in bus.sent]
    assert len(messages) > 4 and sum(m.rows for m in messages) == facts.ROWS_MAX
    assert all(len(payload) <= facts.BATCH_BYTES_MAX for _, payload, _ in bus.sent)
    assert [m.sequence for m in messages] == [1 + sum(m.rows for m in messages[:i]) for i in range(len(messages))]


async def test_resources_and_invented_types_do_not_leave() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    add(writer, type=CANARY, sender=f"alice@example.org/{CANARY}", to=f"room@conference.example.org/{CANARY}")
    await writer.close()
    assert CANARY.encode() not in bus.sent[0][1]
    assert decoded(bus.sent[0][1])[1]["type"] == ["other"]


async def test_numbers_out_of_range_are_clipped() -> None:
    bus = Recording()
    writer = FactsWriter(bus, "gateway-1")  # type: ignore[arg-type]
    add(writer, latency_us=-5)
    add(writer, latency_us=1 << 40)
    await writer.close()
    assert decoded(bus.sent[0][1])[1]["latency_us"] == [0, facts.U32_MAX]


async def test_add_is_cheap() -> None:
    writer = FactsWriter(Recording(), "gateway-1")  # type: ignore[arg-type]
    rows = facts.ROWS_MAX - 1

    def fill() -> None:
        add_row = writer.add
        for _ in range(rows):
            add_row(
                time_us=1_700_000_000_000_000,
                kind=1,
                type="chat",
                direction=0,
                outcome="accepted",
                sender="alice@example.org/phone",
                to="bob@example.org",
                bytes=120,
                latency_us=900,
            )
        writer._rows.clear()

    microseconds = min(repeat(fill, number=1, repeat=20)) / rows * 1e6
    print(f"FactsWriter.add {microseconds:.3f} µs")
    assert microseconds < 2.0  # 0.3 on a quiet machine; the bound only catches a blunder
    await writer.close()


def in_rows(payload: bytes) -> list[tuple[Any, ...]]:
    _, columns = decoded(payload)
    return list(zip(*columns.values(), strict=True))


ALIKE = (1_700_000_000_000_001, 1, "chat", 1, "delivered", "tls", "a@x/1", "b@x/2", 0, -5, "")


async def test_rows_that_are_alike() -> None:
    bus, plain = Recording(), Recording()
    writer, other = FactsWriter(bus, "g"), FactsWriter(plain, "g")  # type: ignore[arg-type]
    for one in (writer, other):
        add(one, trace_id="a" * 32)
        add(one, others=["c@x/3", "d@x/4"])
    sizes = [[10, 20, 30], array("I", [7, 8])]
    for some in sizes:
        writer.repeat(ALIKE, some)
        other.extend([(*ALIKE[:8], size, *ALIKE[9:]) for size in some])
    await asyncio.gather(writer.close(), other.close())
    [(_, payload, _)], [(_, wanted, _)] = bus.sent, plain.sent
    assert in_rows(payload) == in_rows(wanted) and len(in_rows(wanted)) == 7
    message = analytics_pb2.StanzaFacts.FromString(payload)
    # What they have in common travels once.
    assert list(array("H", message.alike)) == [1, 1, 3, 2] and len(array("Q", message.time_us)) == 4
    assert list(array("I", message.others)) == [0, 2, 0, 0]
    assert (message.sequence, message.rows) == (1, 7) and len(payload) < len(wanted)


async def test_alone_they_leave_after_a_while_or_when_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "FLUSH_SECONDS", 0.01)
    bus = Recording()
    writer = FactsWriter(bus, "g")  # type: ignore[arg-type]
    writer.repeat(ALIKE, [1] * facts.SERIES_ROWS_MAX)
    writer.repeat(ALIKE, [2, 3])
    async with asyncio.timeout(30):
        while len(bus.sent) < 2:
            await asyncio.sleep(0.001)
    first, second = (analytics_pb2.StanzaFacts.FromString(payload) for _, payload, _ in bus.sent)
    assert (first.sequence, first.rows) == (1, facts.SERIES_ROWS_MAX)
    assert (second.sequence, second.rows) == (facts.SERIES_ROWS_MAX + 1, 2)


async def test_a_batch_of_alike_rows_that_is_too_large_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "BATCH_BYTES_MAX", 300)
    bus = Recording()
    writer = FactsWriter(bus, "g")  # type: ignore[arg-type]
    add(writer)
    for number in range(6):
        writer.repeat((*ALIKE[:7], f"{number}@x", *ALIKE[8:]), [number, number])
    await writer.close()
    assert len(bus.sent) >= 2
    following = 1
    for _, payload, msg_id in bus.sent:
        message = analytics_pb2.StanzaFacts.FromString(payload)
        assert message.sequence == following and msg_id.endswith(f".{following}")
        following += message.rows
    assert following == 14
