"""Plain numbers as OpenTelemetry data points."""

from __future__ import annotations

import logging
from typing import Any

from natter.telemetry import names
from natter.telemetry.export import MetricsExport, collect
from natter.telemetry.instruments import Counter, Gauge, Histogram
from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.export import MetricExportResult, Sum
from opentelemetry.sdk.resources import Resource


class Collector:
    """An exporter that answers what it is told to."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)

    def export(self, data: Any, **_: Any) -> MetricExportResult:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[no-any-return]

    def shutdown(self, **_: Any) -> None:
        self.results.append("shut down")


def test_points() -> None:
    counter, gauge, empty = Counter("c", "1", "", ("t",)), Gauge("g", "1", ""), Counter("e", "1", "")
    histogram = Histogram("h", "s", "", (1.0, 2.0))
    counter.add("chat", by=4)
    gauge.set(2)
    histogram.record(1.5)
    histogram.record(7)
    found = collect([counter, gauge, empty, histogram], Resource({}), start_nanoseconds=5, now_nanoseconds=9)
    metrics = found.resource_metrics[0].scope_metrics[0].metrics
    assert [m.name for m in metrics] == ["c", "g", "h"]
    total, now, times = (m.data for m in metrics)
    assert isinstance(total, Sum) and total.is_monotonic and isinstance(now, GaugeData)
    assert isinstance(times, HistogramData)
    assert [(dict(p.attributes or {}), p.value) for p in total.data_points] == [({"t": "chat"}, 4)]
    assert (total.data_points[0].start_time_unix_nano, total.data_points[0].time_unix_nano) == (5, 9)
    point = times.data_points[0]
    assert (point.count, point.sum, tuple(point.bucket_counts)) == (2, 8.5, (0, 1, 1))


def test_a_collector_that_fails_is_counted_and_said_once(caplog: Any) -> None:
    before = names.EXPORTS_FAILED.values.get((), 0)
    collector = Collector(MetricExportResult.FAILURE, OSError(), MetricExportResult.SUCCESS, MetricExportResult.FAILURE)
    export = MetricsExport(collector, Resource({}), 60, logging.getLogger("test"), ())  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            export.once()
    assert names.EXPORTS_FAILED.values[()] == before + 3
    assert [r.message for r in caplog.records] == [names.LOG_EXPORT_FAILED] * 2


def test_stopping_exports_once_more() -> None:
    collector = Collector(MetricExportResult.SUCCESS)
    export = MetricsExport(collector, Resource({}), 60, logging.getLogger("test"), ())  # type: ignore[arg-type]
    export.start()
    export.stop()
    assert collector.results == ["shut down"] and export.thread is not None and not export.thread.is_alive()
