"""Spans and metrics reach a collector: a loopback HTTP server that decodes OTLP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from collector import Collector, collecting
from natter.telemetry import names, setup
from natter.telemetry.identifiers import Policy
from natter.telemetry.trace import RECORDER, sample, span


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@dataclass(frozen=True)
class Secret:
    text: str = ""

    def get_secret_value(self) -> str:
        return self.text


@dataclass(frozen=True)
class Settings:
    otlp_endpoint: str = ""
    export_seconds: float = 60.0
    identifiers: Policy = "full"
    pseudonym_key: Secret = field(default_factory=Secret)


def test_spans_and_metrics_arrive(collector: Collector) -> None:
    telemetry = setup.setup("gateway", "gateway-1", Settings(otlp_endpoint=collector.url + "/"))
    start = sample(1, 0)
    attributes: dict[str, str | int] = {"stanza_type": "message.chat", "from": "alice@example.org", "bytes": 7}
    after = span(names.SPAN_STANZA, traceparent=start, start_us=10, end_us=20, attributes=attributes)
    span(names.SPAN_STANZA, traceparent=after, start_us=20, end_us=30, attributes={})
    names.STANZAS_PROCESSED.add("message", "in")
    names.STANZA_LATENCY.record(0.002, "message")
    names.CONNECTIONS_ACTIVE.set(3, "tls")
    telemetry.shutdown()
    assert RECORDER.tracer is None
    [resource] = [r for t in collector.traces for r in t.resource_spans]
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "natter-gateway"
    first, second = [s for scope in resource.scope_spans for s in scope.spans]
    assert first.name == names.SPAN_STANZA and first.parent_span_id == b""
    assert second.parent_span_id == first.span_id and first.trace_id == second.trace_id
    assert first.trace_id.hex() == start.split("-")[1] and first.start_time_unix_nano == 10_000
    assert {a.key for a in first.attributes} == {"stanza_type", "from", "bytes"}
    sent = [m for r in collector.metrics[-1].resource_metrics for s in r.scope_metrics for m in s.metrics]
    by_name = {m.name: m for m in sent}
    assert by_name["xmpp.stanzas.processed"].sum.is_monotonic
    points = by_name["xmpp.connections.active"].gauge.data_points
    assert 3 in [p.as_double for p in points if p.attributes[0].value.string_value == "tls"]
    histogram = by_name["xmpp.stanza.latency"].histogram.data_points[0]
    assert tuple(histogram.explicit_bounds) == names.SECONDS and histogram.count >= 1


def test_a_dead_collector_stops_nobody() -> None:
    telemetry = setup.setup("gateway", "g", Settings(otlp_endpoint="http://127.0.0.1:9"))
    span(names.SPAN_STANZA, traceparent=sample(1, 0), start_us=1, end_us=2, attributes={})
    assert telemetry.metrics is not None
    before = names.EXPORTS_FAILED.values.get((), 0)
    telemetry.metrics.exporter.shutdown()
    telemetry.metrics.once()
    assert names.EXPORTS_FAILED.values[()] == before + 1
    RECORDER.tracer = None
    telemetry.metrics.stopping.set()


def test_without_endpoint_nothing_starts() -> None:
    telemetry = setup.setup("router", "r", Settings())
    assert telemetry == setup.Telemetry() and RECORDER.tracer is None
    telemetry.shutdown()


def test_the_pseudonym_key_is_shared_by_way_of_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(identifiers="pseudonym")
    setup.setup("router", "r", settings, data=tmp_path)
    first = RECORDER.key
    setup.setup("gateway", "g", settings, data=tmp_path)
    assert RECORDER.key == first == setup.key_of(settings, tmp_path)
    configured = Settings(identifiers="pseudonym", pseudonym_key=Secret("3:" + "cd" * 32))
    assert setup.key_of(configured, None).epoch == 3
    setup.setup("gateway", "g", Settings())


@pytest.mark.parametrize(("text", "ratio"), [("0.5", 0.5), ("7", 1.0), ("-1", 0.0), ("lots", 0.01), (None, 0.01)])
def test_the_sampler_argument_of_opentelemetry_is_honoured(text: str | None, ratio: float) -> None:
    environment = {} if text is None else {"OTEL_TRACES_SAMPLER_ARG": text}
    assert setup.sample_ratio(0.01, environment) == ratio
