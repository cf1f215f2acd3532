"""The span of what a gateway writes."""

from __future__ import annotations

import pytest
from natter.gateway import spans
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import ATTRIBUTES, SPAN_STANZA


@pytest.mark.parametrize(("type", "stanza_type"), [("chat", "message.chat"), ("", "message")])
def test_it_says_what_was_delivered(monkeypatch: pytest.MonkeyPatch, type: str, stanza_type: str) -> None:
    said: list[tuple[str, dict[str, object]]] = []

    def span(name: str, **rest: object) -> str:
        said.append((name, rest))
        return "next"

    monkeypatch.setattr(spans.trace, "span", span)
    frame = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type=type, sender="a@x/r", to="b@x")
    assert spans.delivered(frame, 2, 70, traceparent="t", start_us=9, operation="receive", error="gone") == "next"
    [(name, rest)] = said
    assert name == SPAN_STANZA and rest["traceparent"] == "t" and rest["start_us"] == 9 and rest["error"] == "gone"
    attributes = rest["attributes"]
    assert isinstance(attributes, dict) and attributes.keys() <= ATTRIBUTES.keys()
    assert (attributes["stanza_type"], attributes["recipients"], attributes["bytes"]) == (stanza_type, 2, 70)
    assert attributes["messaging.operation.type"] == "receive" and attributes["outcome"] == "delivered"
