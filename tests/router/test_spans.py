"""The router's span of a sampled stanza."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router import spans
from natter.router.route.outcome import HEADLINE, UNAVAILABLE, Deliver
from natter.telemetry import trace
from natter.telemetry.names import ATTRIBUTES
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def test_one_hop(exported: InMemorySpanExporter, frames: Any, people: Any) -> None:
    traceparent = trace.sample(1, 0)
    frame = frames("message", "bob@example.com", "chat", inside="<body>canary</body>", traceparent=traceparent)
    following = spans.routed(frame, (Deliver((people.add("bob@example.com/x"),)),), 1_000, 1_500)
    assert following != traceparent and trace.trace_id(following) == spans.trace_id(frame)
    (span,) = exported.get_finished_spans()
    assert span.attributes is not None
    told = dict(span.attributes)
    assert told.keys() <= ATTRIBUTES.keys()
    assert (told["stanza_type"], told["from"], told["to"]) == (
        "message.chat",
        "alice@example.com/phone",
        "bob@example.com",
    )
    assert (told["outcome"], told["recipients"]) == ("accepted", 1)
    assert "canary" not in str(told)


@pytest.mark.parametrize(
    ("outcomes", "word", "ok"), [(UNAVAILABLE, "bounced", False), (HEADLINE, "dropped:headline", True)]
)
def test_outcomes(exported: InMemorySpanExporter, frames: Any, outcomes: Any, word: str, ok: bool) -> None:
    frame = frames("message", "bob@example.com", traceparent=trace.sample(1, 0))
    spans.routed(frame, outcomes, 1, 2)
    (span,) = exported.get_finished_spans()
    assert span.attributes is not None and span.attributes["outcome"] == word
    assert span.status.is_ok or span.status.is_unset if ok else not span.status.is_ok


def test_an_unsampled_frame_has_no_trace(frames: Any) -> None:
    assert spans.trace_id(frames("message")) == ""
