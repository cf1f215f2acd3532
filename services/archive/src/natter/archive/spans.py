"""The archive's span of a sampled message: from its entry in the log until the database has it."""

from __future__ import annotations

from collections.abc import Iterable

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA


def stored(frames: Iterable[Frame], start_us: int, end_us: int) -> None:
    """Record those of the frames that are sampled messages; they were decided and written together."""
    for frame in frames:
        if frame.traceparent and frame.kind == KIND_MESSAGE:
            trace.span(
                SPAN_STANZA,
                traceparent=frame.traceparent,
                start_us=start_us,
                end_us=end_us,
                attributes={
                    "stanza_type": f"message.{frame.type}" if frame.type else "message",
                    "from": frame.sender,
                    "to": frame.to,
                    "outcome": "stored",
                    "recipients": len(frame.owners),
                    "bytes": len(frame.stanza),
                    "messaging.system": "nats",
                    "messaging.operation.type": "process",
                    "messaging.destination.template": "natter.archive.*",
                },
            )
