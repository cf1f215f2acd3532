"""The gateway's span of a stanza that goes to its clients."""

from __future__ import annotations

from time import time_ns
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA

KIND_NAMES: Final = ("", "message", "presence", "iq")


def delivered(
    frame: bus_pb2.Frame,
    recipients: int,
    size: int,
    *,
    traceparent: str,
    start_us: int,
    operation: str,
    error: str = "",
) -> str:
    """Record that `frame`, of `size` bytes, was written; returns the traceparent of what follows."""
    name = KIND_NAMES[frame.kind]
    return trace.span(
        SPAN_STANZA,
        traceparent=traceparent,
        start_us=start_us,
        end_us=time_ns() // 1000,
        attributes={
            "stanza_type": f"{name}.{frame.type}" if frame.type else name,
            "from": frame.sender,
            "to": frame.to,
            "direction": "out",
            "outcome": "delivered",
            "recipients": recipients,
            "bytes": size,
            "messaging.system": "nats",
            "messaging.operation.type": operation,
            "messaging.destination.template": "natter.deliver.*",
        },
        error=error,
    )
