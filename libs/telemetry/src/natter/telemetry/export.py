"""Metrics to a collector: every interval the plain numbers become OpenTelemetry data points and leave by OTLP/HTTP.

The SDK has observable counters and gauges but no observable histogram; reading our own buckets straight into its export
types covers all three the same way and costs nothing between exports.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from . import names
from .instruments import Counter, Histogram, Instrument

SCOPE = InstrumentationScope("natter")
CUMULATIVE = AggregationTemporality.CUMULATIVE


def collect(
    instruments: Sequence[Instrument], resource: Resource, *, start_nanoseconds: int, now_nanoseconds: int
) -> MetricsData:
    """All values as they are now, cumulative since `start_nanoseconds`. Instruments without a value are left out."""
    metrics = [
        Metric(i.name, i.help, i.unit, data(i, start_nanoseconds, now_nanoseconds))
        for i in instruments
        if (i.counts if isinstance(i, Histogram) else i.values)
    ]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(SCOPE, metrics, "")], "")])


def data(instrument: Instrument, start: int, now: int) -> Sum | GaugeData | HistogramData:
    """One instrument's points."""
    keys = instrument.labels
    if isinstance(instrument, Histogram):
        return HistogramData(histogram_points(instrument, start, now), CUMULATIVE)
    points = [
        NumberDataPoint(dict(zip(keys, labels, strict=True)), start, now, float(value))
        for labels, value in dict(instrument.values).items()
    ]
    return Sum(points, CUMULATIVE, True) if isinstance(instrument, Counter) else GaugeData(points)


def histogram_points(histogram: Histogram, start: int, now: int) -> list[HistogramDataPoint]:
    """One point per combination of labels. Smallest and largest are not kept: bounded by the buckets instead."""
    points = []
    for labels, row in dict(histogram.counts).items():
        counts = tuple(row)
        filled = [i for i, n in enumerate(counts) if n]
        edges = (0.0, *histogram.bounds, histogram.bounds[-1])
        points.append(
            HistogramDataPoint(
                dict(zip(histogram.labels, labels, strict=True)),
                start,
                now,
                sum(counts),
                histogram.sums[labels],
                counts,
                histogram.bounds,
                edges[filled[0]] if filled else 0.0,
                edges[filled[-1] + 1] if filled else 0.0,
            )
        )
    return points


@dataclass(slots=True)
class MetricsExport:
    """A thread that exports every `interval_seconds`: the exporter's HTTP blocks, the event loop must not."""

    exporter: MetricExporter
    resource: Resource
    interval_seconds: float
    log: logging.Logger
    instruments: Sequence[Instrument] = names.METRICS
    started_nanoseconds: int = field(default_factory=time.time_ns)
    failing: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self.thread.start()

    def stop(self, seconds_max: float = 3.0) -> None:
        """Export once more, then end."""
        self.stopping.set()
        if self.thread is not None:
            self.thread.join(seconds_max)
        self.exporter.shutdown(timeout_millis=seconds_max * 1000)

    def _run(self) -> None:
        while not self.stopping.wait(self.interval_seconds):
            self.once()
        self.once()

    def once(self) -> None:
        """Export now."""
        now = time.time_ns()
        found = collect(
            self.instruments, self.resource, start_nanoseconds=self.started_nanoseconds, now_nanoseconds=now
        )
        try:
            failed = self.exporter.export(found) is not MetricExportResult.SUCCESS
        except Exception:
            failed = True
        if failed:
            names.EXPORTS_FAILED.add()
            if not self.failing:
                self.log.warning(names.LOG_EXPORT_FAILED)
        self.failing = failed
