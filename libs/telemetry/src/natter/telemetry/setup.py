"""Turns telemetry on for a process: where spans and metrics go, and how identifiers look in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import identifiers
from .trace import RECORDER

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from .export import MetricsExport

# Spans that wait for the exporter; what comes on top is dropped (the SDK counts it) and never slows a stanza.
SPANS_WAITING_MAX = 4096
SPANS_PER_EXPORT_MAX = 512
EXPORT_SECONDS_MAX = 5.0
KEY_FILE = "pseudonym.key"


class Secret(Protocol):
    """Text that does not show itself: pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The text."""


class Settings(Protocol):
    """What `setup` needs of the `telemetry` section."""

    @property
    def otlp_endpoint(self) -> str:
        """Base URL of an OTLP/HTTP collector, http://host:4318; "" for none."""

    @property
    def export_seconds(self) -> float:
        """How often metrics are exported."""

    @property
    def identifiers(self) -> identifiers.Policy:
        """How JIDs and addresses look in spans."""

    @property
    def pseudonym_key(self) -> Secret:
        """The key of pseudonyms as `identifiers.parse_key` reads it; "" for the one in the data folder."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What was started."""

    spans: TracerProvider | None = None
    metrics: MetricsExport | None = None

    def shutdown(self) -> None:
        """Export what waits, then stop. Blocks for some seconds at most: not on the event loop."""
        RECORDER.tracer = None
        if self.metrics is not None:
            self.metrics.stop()
        if self.spans is not None:
            self.spans.shutdown()


def setup(service: str, instance: str, settings: Settings, *, data: Path | None = None) -> Telemetry:
    """Start exporting if `settings` names a collector.

    `data` is the folder where the pseudonym key is kept when none is configured. Without either, pseudonyms hold for
    this process only.
    """
    RECORDER.policy = settings.identifiers
    if settings.identifiers == "pseudonym":
        RECORDER.key = key_of(settings, data)
    if not settings.otlp_endpoint:
        return Telemetry()
    return start(service, instance, settings.otlp_endpoint.rstrip("/"), settings.export_seconds)


def start(service: str, instance: str, base: str, export_seconds: float) -> Telemetry:
    """Export to the collector at `base`."""
    # The exporters are 6 MB and 0.1 s of every process: loaded only where there is a collector.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    from .export import MetricsExport

    resource = Resource.create(
        {"service.name": f"natter-{service}", "service.namespace": "natter", "service.instance.id": instance}
    )
    # Whether to sample was decided at the gateway, by trace.sample; here every span with a sampled parent counts.
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON), resource=resource, shutdown_on_exit=False, id_generator=RECORDER.ids
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=EXPORT_SECONDS_MAX),
            max_queue_size=SPANS_WAITING_MAX,
            max_export_batch_size=SPANS_PER_EXPORT_MAX,
            schedule_delay_millis=1000,
        )
    )
    exporter = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=EXPORT_SECONDS_MAX)
    metrics = MetricsExport(exporter, resource, export_seconds, logging.getLogger("natter.telemetry"))
    metrics.start()
    RECORDER.tracer = provider.get_tracer("natter")
    return Telemetry(provider, metrics)


def key_of(settings: Settings, data: Path | None) -> identifiers.Key:
    """The key that spans and ClickHouse rows share."""
    configured = settings.pseudonym_key.get_secret_value()
    if data is not None:
        return identifiers.load_key(configured, data / KEY_FILE)
    return identifiers.parse_key(configured) if configured else identifiers.random_key()


def sample_ratio(configured: float, environment: Mapping[str, str]) -> float:
    """The share of stanzas to trace: OTEL_TRACES_SAMPLER_ARG (a number from 0 to 1) over the setting."""
    try:
        return min(1.0, max(0.0, float(environment["OTEL_TRACES_SAMPLER_ARG"])))
    except (KeyError, ValueError):
        return configured
