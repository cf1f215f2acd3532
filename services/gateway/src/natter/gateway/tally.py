"""What is counted of every stanza: the metrics, the metadata row, and the span of a sampled one. Never content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import random
from time import time_ns

from natter.bus.facts import FactsWriter, Row
from natter.proto.v1 import bus_pb2
from natter.telemetry import trace
from natter.telemetry.names import SPAN_STANZA, STANZA_LATENCY, STANZAS_PROCESSED

from . import spans
from .exceptional import Exceptional
from .session import Session
from .spans import KIND_NAMES

# How much larger the share may become in one look.
RATIO_STEP_MAX = 2.0


@dataclass(slots=True)
class Tally:
    """The books of one gateway. `sample_ratio` of the stanzas get a trace, chosen here and nowhere else."""

    facts: FactsWriter
    # As it is now; what was configured is its upper bound.
    sample_ratio: float
    # More are not worth their CPU: about half a millisecond each, all processes together. 0: no bound.
    traces_per_second_max: float = 0.0
    # What gets a span though it was not sampled.
    exceptional: Exceptional = field(default_factory=Exceptional)
    ratio_max: float = field(init=False)
    traced: int = 0
    # Of the envelope that is being delivered: rows, and latencies in seconds by kind.
    rows: list[Row] = field(default_factory=list)
    latencies: list[list[float]] = field(default_factory=lambda: [[] for _ in KIND_NAMES])

    def __post_init__(self) -> None:
        self.ratio_max = self.sample_ratio

    def look(self, seconds: float) -> None:
        """So long after the last look: a smaller share where there were too many traces, else a larger one again."""
        traced, self.traced = self.traced, 0
        # Who wants every stanza traced wants every stanza traced.
        if not self.traces_per_second_max or self.ratio_max >= 1.0:
            return
        may = self.traces_per_second_max * seconds
        self.sample_ratio = min(self.ratio_max, self.sample_ratio * min(RATIO_STEP_MAX, may / max(traced, 1)))

    def sampled(self, session: Session, roll: float) -> str:
        """The traceparent of a new stanza, mostly "". `roll`: uniform in [0, 1)."""
        if roll >= self.sample_ratio:
            return ""
        if not session.traceparent:
            # The connection's own span, which the spans of its stanzas are linked to.
            session.traceparent = trace.sample(1.0, 0.0)
        self.traced += 1
        return trace.sample(self.sample_ratio, roll)

    def roll(self) -> str:
        """The traceparent of something that is no stanza, mostly ""."""
        return trace.sample(self.sample_ratio, random())

    def accepted(self, frame: bus_pb2.Frame, session: Session, size: int, traceparent: str) -> str:
        """One stanza in. Returns the traceparent of the next hop."""
        kind = frame.kind
        name = KIND_NAMES[kind]
        type_ = frame.type
        sender = session.jid
        now_us = frame.accepted_us
        STANZAS_PROCESSED.add(name, "in")
        self.facts.add(
            time_us=now_us,
            kind=kind,
            type=type_,
            direction=0,
            outcome="accepted",
            sender=sender,
            to=frame.to,
            bytes=size,
            latency_us=0,
            trace_id=traceparent and trace.trace_id(traceparent),
            transport=session.transport,
        )
        if not traceparent:
            return ""
        return trace.span(
            SPAN_STANZA,
            traceparent=traceparent,
            start_us=now_us,
            end_us=time_ns() // 1000,
            link=session.traceparent,
            attributes={
                "stanza_type": f"{name}.{type_}" if type_ else name,
                "from": sender,
                "to": frame.to,
                "direction": "in",
                "outcome": "accepted",
                "bytes": size,
                "transport": session.transport,
                "messaging.system": "nats",
                "messaging.operation.type": "send",
                "messaging.destination.template": "natter.lane.*",
            },
        )

    def written(self, counts: Sequence[int]) -> None:
        """The end of an envelope: how many stanzas of each kind it brought to sessions. All are counted at once."""
        if self.rows:
            rows, self.rows = self.rows, []
            self.facts.extend(rows)
        for kind in (1, 2, 3):
            if counts[kind]:
                STANZAS_PROCESSED.add(KIND_NAMES[kind], "out", by=counts[kind])
            if self.latencies[kind]:
                STANZA_LATENCY.record_all(self.latencies[kind], KIND_NAMES[kind])
                self.latencies[kind].clear()

    def delivered(self, frame: bus_pb2.Frame, to: str, size: int, now_us: int) -> str:
        """One stanza out, to the session `to`. Counted by `written`. The traceparent of what follows, mostly ""."""
        kind = frame.kind
        type_ = frame.type
        accepted_us = frame.accepted_us
        traceparent = frame.traceparent
        latency_us = 0
        if accepted_us:
            # From here to the socket is the rest of this tick; what a slow reader makes wait is not natter's latency.
            latency_us = now_us - accepted_us if now_us > accepted_us else 0
            self.latencies[kind].append(latency_us / 1e6)
        if traceparent:
            hop = self._span_out(frame, 1, size, now_us)
        elif latency_us >= self.exceptional.slow_us or type_ == "error":
            hop = traceparent = self.exceptional.span(frame, 1, size, now_us)
        else:
            hop = ""
        trace_id = traceparent and trace.trace_id(traceparent)
        self.rows.append((now_us, kind, type_, 1, "delivered", "", frame.sender, to, size, latency_us, trace_id))
        return hop

    def undelivered(self, frame: bus_pb2.Frame, outcome: str) -> None:
        """A delivery that does not reach its session: "returned" takes a delivered one back, else why it is dropped."""
        traceparent = frame.traceparent
        self.facts.add(
            time_us=time_ns() // 1000,
            kind=frame.kind,
            type=frame.type,
            direction=1,
            outcome=outcome,
            sender=frame.sender,
            to=frame.to,
            bytes=len(frame.stanza),
            latency_us=0,
            trace_id=traceparent and trace.trace_id(traceparent),
        )

    def delivered_series(self, frame: bus_pb2.Frame, to: str, sizes: Sequence[int], now_us: int) -> None:
        """`delivered` for the messages of a series, none of which is sampled."""
        kind, type_, sender = frame.kind, frame.type, frame.sender
        latency_us = 0
        if frame.accepted_us:
            latency_us = max(0, now_us - frame.accepted_us)
            self.latencies[kind] += [latency_us / 1e6] * len(sizes)
            if latency_us >= self.exceptional.slow_us:
                self.exceptional.span(frame, 1, sum(sizes), now_us)
        self.facts.repeat((now_us, kind, type_, 1, "delivered", "", sender, to, 0, latency_us, ""), sizes)

    def broadcast(self, frame: bus_pb2.Frame, tos: Sequence[str], size: int, now_us: int) -> str:
        """One stanza out, to many sessions. The traceparent of what follows."""
        kind = frame.kind
        type_ = frame.type
        sender = frame.sender
        accepted_us = frame.accepted_us
        traceparent = frame.traceparent
        trace_id = traceparent and trace.trace_id(traceparent)
        latency_us = 0
        if accepted_us and tos:
            latency_us = now_us - accepted_us if now_us > accepted_us else 0
            STANZA_LATENCY.record(latency_us / 1e6, KIND_NAMES[kind])
        hop = ""
        if traceparent:
            hop = self._span_out(frame, len(tos), size, now_us)
        elif latency_us >= self.exceptional.slow_us:
            hop = traceparent = self.exceptional.span(frame, len(tos), size, now_us)
            trace_id = traceparent and trace.trace_id(traceparent)
        if tos:
            self.facts.add(
                time_us=now_us,
                kind=kind,
                type=type_,
                direction=1,
                outcome="delivered",
                sender=sender,
                to=tos[0],
                others=tos[1:],
                bytes=size,
                latency_us=latency_us,
                trace_id=trace_id,
            )
        return hop

    def _span_out(self, frame: bus_pb2.Frame, recipients: int, size: int, now_us: int) -> str:
        traceparent = frame.traceparent
        return spans.delivered(frame, recipients, size, traceparent=traceparent, start_us=now_us, operation="receive")
