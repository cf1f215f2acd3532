"""Spans of sampled stanzas. Sampled once, at the gateway; made afterwards, with the times that were measured anyway.

A traceparent (W3C Trace Context) travels in the envelope. "" means not sampled and costs one comparison. The first
traceparent of a trace, from `sample`, is no span's yet: its parent id is the low half of the trace id. By that `span`
knows that it makes the root, whose own id is that half inverted, so that others may link to it before it is made.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from . import identifiers, names

# A longer value is cut: ids and types are the client's words.
ATTRIBUTE_CHARACTERS_MAX = 256
LOW_64 = (1 << 64) - 1
TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

Attributes = Mapping[str, str | int]


class SpanIds(IdGenerator):  # The SDK asks for a subclass.
    """Random ids; a root span gets those that `sample` already gave away."""

    __slots__ = ("root",)

    def __init__(self) -> None:
        self.root = 0

    def generate_span_id(self) -> int:
        return root_id(self.root) if self.root else random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self.root or new_trace_id()


@dataclass(slots=True)
class Recorder:
    """Where spans go: nowhere, until `setup` gives it a tracer."""

    tracer: Tracer | None = None
    ids: SpanIds = field(default_factory=SpanIds)
    policy: identifiers.Policy = "full"
    key: identifiers.Key = field(default_factory=identifiers.random_key)


RECORDER = Recorder()


def new_trace_id() -> int:
    """128 random bits, both halves non-zero."""
    return (random.getrandbits(64) or 1) << 64 | (random.getrandbits(64) or 1)


def sample(ratio: float, roll: float) -> str:
    """A new traceparent when `roll` (uniform in [0, 1)) is below `ratio`, else "". For errors: ratio 1, roll 0."""
    if roll >= ratio:
        return ""
    trace = new_trace_id()
    return f"00-{trace:032x}-{trace & LOW_64:016x}-01"


def trace_id(traceparent: str) -> str:
    """The 32 digits that name the trace; "" for ""."""
    return traceparent[3:35]


def root_id(trace: int) -> int:
    """The id of a trace's root span."""
    return (trace & LOW_64) ^ LOW_64 or 1


def parse(traceparent: str) -> SpanContext | None:
    """The span that `traceparent` names; None where it names none."""
    # W3C Trace Context §3.2.2: version 00, ids not all zero.
    match = TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    trace, parent = int(match[1], 16), int(match[2], 16)
    return SpanContext(trace, parent, True, TraceFlags(int(match[3], 16))) if trace and parent else None


def visible(attributes: Attributes, recorder: Recorder) -> dict[str, str | int]:
    """Those attributes that are declared, identifiers as the policy lets them be seen, long values cut."""
    shown: dict[str, str | int] = {}
    for name, value in attributes.items():
        if name not in names.ATTRIBUTES:
            names.ATTRIBUTES_REFUSED.add()
            continue
        if name in names.IDENTIFIERS:
            value = identifiers.identifier(str(value), recorder.policy, recorder.key)
        elif name in names.ADDRESSES:
            value = identifiers.address(str(value), recorder.policy, recorder.key)
        if value != "":
            shown[name] = value[:ATTRIBUTE_CHARACTERS_MAX] if isinstance(value, str) else value
    return shown


def span(
    name: str,
    *,
    traceparent: str,
    start_us: int,
    end_us: int,
    attributes: Attributes,
    link: str = "",
    error: str = "",
    kind: SpanKind = SpanKind.INTERNAL,
) -> str:
    """Record a finished span as child of `traceparent`; returns the traceparent for the next hop, "" for "".

    Times are Unix microseconds. `link`: traceparent of the connection's span. `error`: the condition it failed with.
    Without an exporter nothing is recorded and `traceparent` goes on as it is.
    """
    if not traceparent:
        return ""
    parent = parse(traceparent)
    recorder = RECORDER
    if parent is None or recorder.tracer is None:
        return traceparent if parent else ""
    root = parent.span_id == parent.trace_id & LOW_64
    recorder.ids.root = parent.trace_id if root else 0
    made = recorder.tracer.start_span(
        name,
        context=Context() if root else set_span_in_context(NonRecordingSpan(parent), Context()),
        kind=kind,
        attributes=visible(attributes, recorder),
        links=links(link),
        start_time=start_us * 1000,
    )
    if error:
        made.set_status(Status(StatusCode.ERROR, error))
    # A clock that was set back must not make a span that ends before it starts.
    made.end(end_time=max(start_us, end_us) * 1000)
    names.SPANS.add(name)
    context = made.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def links(traceparent: str) -> tuple[Link, ...]:
    """A link to the span that `traceparent` names, or to the root that it will be."""
    context = parse(traceparent)
    if context is None:
        return ()
    if context.span_id == context.trace_id & LOW_64:
        context = SpanContext(context.trace_id, root_id(context.trace_id), True, context.trace_flags)
    return (Link(context),)
