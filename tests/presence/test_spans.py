"""Labels from a fixed set, and a span only where there is a trace."""

from __future__ import annotations

import pytest
from natter.presence.spans import label, processed
from natter.proto.v1 import bus_pb2


@pytest.mark.parametrize(
    ("kind", "type", "word"),
    [
        (bus_pb2.KIND_PRESENCE, "", "presence"),
        (bus_pb2.KIND_PRESENCE, "subscribe", "presence.subscribe"),
        (bus_pb2.KIND_IQ, "get", "iq.get"),
        (bus_pb2.KIND_PRESENCE, "anne@x", "presence.other"),
    ],
)
def test_label(kind: bus_pb2.Kind, type: str, word: str) -> None:
    assert label(bus_pb2.Frame(kind=kind, type=type)) == word


def test_no_trace_no_span() -> None:
    assert processed(bus_pb2.Frame(), 1) == ""


def test_a_trace_goes_on() -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    assert processed(bus_pb2.Frame(traceparent=traceparent), 1)[3:35] == "a" * 32
