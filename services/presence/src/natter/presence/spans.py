"""The presence service's span of a sampled stanza, and its label in metrics."""

from __future__ import annotations

from typing import Final

from natter.proto.v1 import bus_pb2
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA

_TYPES: Final = frozenset(
    {"unavailable", "error", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "get", "set", "result"}
)


def label(frame: bus_pb2.Frame) -> str:
    """presence, presence.<type> or iq.<type>: one of a fixed set."""
    kind = "iq" if frame.kind == bus_pb2.KIND_IQ else "presence"
    if not frame.type:
        return kind
    return f"{kind}.{frame.type}" if frame.type in _TYPES else f"{kind}.other"


def processed(frame: bus_pb2.Frame, end_us: int) -> str:
    """Record that `frame` was worked on; returns the traceparent for the next hop."""
    if not frame.traceparent:
        return ""
    return trace.span(
        SPAN_STANZA,
        traceparent=frame.traceparent,
        start_us=end_us,
        end_us=end_us,
        attributes={
            "stanza_type": label(frame),
            "from": frame.sender,
            "to": frame.to,
            "bytes": len(frame.stanza),
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.template": "natter.shard.user.*",
        },
    )
