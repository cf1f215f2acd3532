"""Spans of what was not sampled and is to be seen all the same: stanza errors and slow stanzas. Made afterwards.

Each is a trace of its own, from the stanza's acceptance to the recipient's socket. A storm of errors must not become
one of spans: there are so many a second, the others are rows of metadata only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import time_ns
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA

KIND_NAMES: Final = ("", "message", "presence", "iq")
# RFC 6120 §8.3.2: the condition is an element of this namespace.
CONDITION: Final = re.compile(rb"""<([a-z-]{1,40})[^<>]{0,40} xmlns=["']urn:ietf:params:xml:ns:xmpp-stanzas["']""")
NEVER: Final = 1 << 62


@dataclass(slots=True)
class Exceptional:
    """`slow_us`: latency from which a stanza is slow. `per_second_max`: spans; 0: no bound."""

    slow_us: int = NEVER
    per_second_max: float = 0.0
    _left: float = 0.0
    _at_us: int = field(default=0)

    def span(self, frame: bus_pb2.Frame, recipients: int, size: int, now_us: int) -> str:
        """The traceparent of what follows; "" where there have been too many, or nobody takes spans."""
        if trace.RECORDER.tracer is None or not self._may(now_us):
            return ""
        name, error = KIND_NAMES[frame.kind], ""
        if frame.type == "error":
            found = CONDITION.search(frame.stanza)
            error = found[1].decode() if found else "undefined-condition"
        return trace.span(
            SPAN_STANZA,
            traceparent=trace.sample(1.0, 0.0),
            start_us=frame.accepted_us or now_us,
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
                "messaging.operation.type": "process",
                "messaging.destination.template": "natter.deliver.*",
            },
            error=error,
        )

    def _may(self, now_us: int) -> bool:
        if not self.per_second_max:
            return True
        # A second's worth may come at once.
        gained = max(0, now_us - self._at_us) * self.per_second_max / 1e6
        self._left = min(self.per_second_max, self._left + gained)
        self._at_us = now_us
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
