"""Spans of what was not sampled and is to be seen all the same: stanza errors and slow stanzas. Made afterwards.

Each is a trace of its own, from the stanza's acceptance to the recipient's socket. A storm of errors must not become
one of spans: there are so many a second, the others are rows of metadata only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.telemetry import trace

from . import spans
from .ratelimit import Bucket

# RFC 6120 §8.3.2: the condition is an element of this namespace.
CONDITION: Final = re.compile(rb"""<([a-z-]{1,40})[^<>]{0,40} xmlns=["']urn:ietf:params:xml:ns:xmpp-stanzas["']""")
NEVER: Final = 1 << 62


@dataclass(slots=True)
class Exceptional:
    """`slow_us`: latency from which a stanza is slow. `per_second_max`: spans; 0: no bound."""

    slow_us: int = NEVER
    per_second_max: float = 0.0
    _may: Bucket = field(init=False)

    def __post_init__(self) -> None:
        # A second's worth may come at once, and one in any case.
        self._may = Bucket(self.per_second_max, max(1.0, self.per_second_max))

    def span(self, frame: bus_pb2.Frame, recipients: int, size: int, now_us: int) -> str:
        """The traceparent of what follows; "" where there have been too many, or nobody takes spans."""
        if trace.RECORDER.tracer is None or (self.per_second_max and not self._may.spend(now_us / 1e6)):
            return ""
        error = ""
        if frame.type == "error":
            found = CONDITION.search(frame.stanza)
            error = found[1].decode() if found else "undefined-condition"
        return spans.delivered(
            frame,
            recipients,
            size,
            traceparent=trace.sample(1.0, 0.0),
            start_us=frame.accepted_us or now_us,
            operation="process",
            error=error,
        )
