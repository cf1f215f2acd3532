"""Sampling, and spans that are made afterwards: ids, times, parents, links, and what they may carry."""

from __future__ import annotations

from timeit import repeat

import pytest
from natter.telemetry import names, trace
from natter.telemetry.trace import RECORDER, parse, sample, span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

CANARY = "canary-51aa"


def make(traceparent: str, **attributes: str | int) -> str:
    return span(names.SPAN_STANZA, traceparent=traceparent, start_us=1_000, end_us=1_500, attributes=attributes)


def ids(found: ReadableSpan) -> tuple[int, int, int | None]:
    assert found.context is not None
    return found.context.trace_id, found.context.span_id, found.parent.span_id if found.parent else None


def test_sampling_follows_the_roll() -> None:
    assert sample(0.01, 0.01) == "" and sample(0.0, 0.0) == ""
    first, second = sample(0.01, 0.0099), sample(1.0, 0.999)
    assert first != second and parse(first) is not None
    assert trace.trace_id(first) == first.split("-")[1] and trace.trace_id("") == ""


def test_unsampled_and_malformed_give_nothing(exported: InMemorySpanExporter) -> None:
    for text in ("", "junk", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01"):
        assert make(text) == ""
    assert exported.get_finished_spans() == ()


def test_hops_form_one_tree(exported: InMemorySpanExporter) -> None:
    start = sample(1, 0)
    second = make(start, stanza_type="message.chat")
    third = make(second)
    make(third)
    a, b, c = (ids(s) for s in exported.get_finished_spans())
    assert a[0] == b[0] == c[0] == int(trace.trace_id(start), 16)
    assert a[2] is None and b[2] == a[1] and c[2] == b[1]
    first = exported.get_finished_spans()[0]
    assert first.start_time == 1_000_000 and first.end_time == 1_500_000


def test_a_span_links_to_a_connection_that_is_still_open(exported: InMemorySpanExporter) -> None:
    connection = sample(1, 0)
    span(names.SPAN_STANZA, traceparent=sample(1, 0), start_us=1, end_us=2, attributes={}, link=connection)
    span(names.SPAN_CONNECTION, traceparent=connection, start_us=1, end_us=9, attributes={"transport": "tcp"})
    stanza, lifecycle = exported.get_finished_spans()
    [link] = stanza.links
    assert (link.context.trace_id, link.context.span_id) == ids(lifecycle)[:2]
    assert ids(stanza)[0] != ids(lifecycle)[0]


def test_without_an_exporter_the_context_still_travels() -> None:
    start = sample(1, 0)
    assert make(start) == start


def test_errors_and_clocks_set_back(exported: InMemorySpanExporter) -> None:
    span(names.SPAN_STANZA, traceparent=sample(1, 0), start_us=9, end_us=3, attributes={}, error="service-unavailable")
    [found] = exported.get_finished_spans()
    assert found.status.status_code is StatusCode.ERROR and found.start_time == found.end_time == 9_000


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ("full", {"from": "alice@a.example/x", "to": "bob@b.example", "client_ip": "192.0.2.1"}),
        ("domain", {"from": "a.example", "to": "b.example"}),
        ("none", {}),
    ],
)
def test_identifiers_obey_the_policy(exported: InMemorySpanExporter, policy: str, shown: dict[str, str]) -> None:
    RECORDER.policy = policy  # type: ignore[assignment]
    make(sample(1, 0), **{"from": "alice@a.example/x", "to": "bob@b.example", "client_ip": "192.0.2.1"})
    assert dict(exported.get_finished_spans()[0].attributes or {}) == shown


def test_pseudonyms_are_those_of_the_key(exported: InMemorySpanExporter) -> None:
    RECORDER.policy = "pseudonym"
    make(sample(1, 0), jid="alice@a.example/x")
    assert (exported.get_finished_spans()[0].attributes or {})["jid"] == RECORDER.key.text("alice@a.example")


def test_a_body_has_no_attribute_to_leave_by(exported: InMemorySpanExporter) -> None:
    before = names.ATTRIBUTES_REFUSED.values.get((), 0)
    make(sample(1, 0), body=CANARY, stanza=f"<message><body>{CANARY}</body></message>", message_id="m" * 9999)
    [found] = exported.get_finished_spans()
    assert CANARY not in found.to_json() and names.ATTRIBUTES_REFUSED.values[()] == before + 2
    assert (found.attributes or {})["message_id"] == "m" * trace.ATTRIBUTE_CHARACTERS_MAX


def test_unsampled_is_cheap() -> None:
    attributes: dict[str, str | int] = {}

    def many() -> None:
        for _ in range(1000):
            span("x", traceparent="", start_us=0, end_us=0, attributes=attributes)

    assert min(repeat(many, number=1, repeat=20)) / 1000 < 2e-6
