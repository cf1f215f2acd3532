"""The router's span of a sampled stanza."""

from __future__ import annotations

from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA

from .route.outcome import Bounce, Deliver, Drop, Keep, Outcome, Outcomes

KINDS: Final = ("", "message", "presence", "iq")


def routed(frame: Frame, outcomes: Outcomes, start_us: int, end_us: int) -> str:
    """Record that `frame` was decided; returns the traceparent for the next hop."""
    kind = KINDS[frame.kind]
    outcome = _main(outcomes)
    return trace.span(
        SPAN_STANZA,
        traceparent=frame.traceparent,
        start_us=start_us,
        end_us=end_us,
        attributes={
            "stanza_type": f"{kind}.{frame.type}" if frame.type else kind,
            "from": frame.sender,
            "to": frame.to,
            "outcome": _word(outcome),
            "recipients": len(outcome.sessions) if isinstance(outcome, Deliver) else 0,
            "bytes": len(frame.stanza),
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.template": "natter.lane.*",
        },
        error=outcome.condition if isinstance(outcome, Bounce) else "",
    )


def trace_id(frame: Frame) -> str:
    """The id of its trace, "" where it is not sampled."""
    return trace.trace_id(frame.traceparent) if frame.traceparent else ""


def _main(outcomes: Outcomes) -> Outcome:
    # That it is kept is not what becomes of it, unless nothing else does.
    return outcomes[1] if isinstance(outcomes[0], Keep) and len(outcomes) > 1 else outcomes[0]


def _word(outcome: Outcome) -> str:
    match outcome:
        case Bounce():
            return "bounced"
        case Drop(reason):
            return f"dropped:{reason}"
        case _:
            return "accepted"
