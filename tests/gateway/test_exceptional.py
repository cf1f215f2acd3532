"""Errors and slow stanzas have a span, sampled or not, and so many a second only."""

from __future__ import annotations

from natter.bus.facts import FactsWriter
from natter.bus.memory import MemoryBus
from natter.gateway.exceptional import NEVER, Exceptional
from natter.gateway.tally import Tally
from natter.proto.v1 import bus_pb2
from natter.telemetry.trace import RECORDER
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

CANARY = "canary-7c1e"
SLOW_US = 1_000_000
ERROR = (
    f"<message type='error'><body>{CANARY}</body><error type='cancel'>"
    "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
).encode()


def tally(memory: MemoryBus, *, per_second_max: float = 0.0, slow_us: int = SLOW_US) -> Tally:
    made = Tally(FactsWriter(memory, "test"), 0.0)
    made.exceptional = Exceptional(slow_us, per_second_max)
    return made


def frame(type_: str = "chat", stanza: bytes = b"<message/>", **fields: object) -> bus_pb2.Frame:
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_MESSAGE,
        type=type_,
        sender="a@x/r",
        to="b@x",
        stanza=stanza,
        accepted_us=5_000_000,
        **fields,  # type: ignore[arg-type]
    )


async def test_an_error_is_seen_with_its_condition(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    books = tally(memory)
    hop = books.delivered(frame("error", ERROR), "b@x/1", len(ERROR), 5_001_000)
    [span] = exported.get_finished_spans()
    assert not span.status.is_ok and span.status.description == "service-unavailable"
    assert span.parent is None and span.start_time == 5_000_000_000
    assert span.attributes is not None and span.attributes["stanza_type"] == "message.error"
    assert CANARY not in span.to_json()
    # Its row leads to the trace, and what follows belongs to it.
    assert books.rows[0][10] == hop[3:35] == f"{span.context.trace_id:032x}"


async def test_what_is_slow_is_seen_and_what_is_not_is_not(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    books = tally(memory)
    assert books.delivered(frame(), "b@x/1", 99, 5_000_000 + SLOW_US - 1) == ""
    assert books.delivered(frame(), "b@x/1", 99, 5_000_000 + SLOW_US)
    assert books.broadcast(frame("groupchat"), ["b@x/1", "b@x/2"], 99, 5_000_000 + 2 * SLOW_US)
    books.delivered_series(frame(), "b@x/1", [10, 20], 5_000_000 + SLOW_US)
    spans = exported.get_finished_spans()
    assert [(s.attributes or {})["recipients"] for s in spans] == [1, 2, 1]
    assert [(s.attributes or {})["bytes"] for s in spans] == [99, 99, 30]
    assert all(s.status.is_unset for s in spans)
    assert len({s.context.trace_id for s in spans}) == 3


async def test_what_is_sampled_has_its_own_span_and_no_other(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    traceparent = f"00-{1:032x}-{2:016x}-01"
    tally(memory).delivered(frame("error", ERROR, traceparent=traceparent), "b@x/1", 9, 9_000_000)
    [span] = exported.get_finished_spans()
    assert span.context.trace_id == 1


async def test_a_storm_of_errors_is_no_storm_of_spans(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    books = tally(memory, per_second_max=5.0)
    for number in range(1000):
        books.delivered(frame("error", ERROR), "b@x/1", 9, 5_000_000 + number)
    assert len(exported.get_finished_spans()) == 5
    # A second later as many again. Every one is a row.
    for number in range(1000):
        books.delivered(frame("error", ERROR), "b@x/1", 9, 6_001_000 + number)
    assert len(exported.get_finished_spans()) == 10
    assert len(books.rows) == 2000


async def test_one_in_ten_seconds_is_one(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    books = tally(memory, per_second_max=0.1)
    for second in (5, 6, 16):
        books.delivered(frame("error", ERROR), "b@x/1", 9, second * 1_000_000)
    assert len(exported.get_finished_spans()) == 2


async def test_without_a_bound_or_anybody_who_takes_spans(memory: MemoryBus, exported: InMemorySpanExporter) -> None:
    never = tally(memory, slow_us=NEVER)
    assert never.delivered(frame(), "b@x/1", 9, 1 << 50) == ""
    RECORDER.tracer = None
    assert tally(memory).delivered(frame("error", ERROR), "b@x/1", 9, 5_000_001) == ""
    assert exported.get_finished_spans() == ()
