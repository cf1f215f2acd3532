"""The last span of a sampled stanza: from its write until the client has acknowledged it (XEP-0198).

What is taken over by another gateway has no such span: its trace ends with the write.
"""

from __future__ import annotations

from time import time_ns

from natter.telemetry import trace
from natter.telemetry.names import SPAN_ACKNOWLEDGED
from natter.xmpp.xeps.stream_management import MASK

from .session import Managed, Session
from .unacked import Unacked


def written(session: Session, traceparent: str, now_us: int) -> None:
    """A sampled stanza has just been given to the session; nothing happens where nobody will acknowledge it."""
    managed, outbox = session.managed, session.outbox
    if managed is not None and isinstance(outbox, Unacked) and outbox.capture is None:
        managed.traced.append((outbox.given, traceparent, now_us))


def acknowledged(session: Session, managed: Managed, h: int) -> None:
    """The client has handled `h` stanzas, counted modulo 2^32."""
    traced = managed.traced
    while traced and (h - traced[0][0]) & MASK <= MASK >> 1:
        _, traceparent, since_us = traced.popleft()
        trace.span(
            SPAN_ACKNOWLEDGED,
            traceparent=traceparent,
            start_us=since_us,
            end_us=time_ns() // 1000,
            attributes={"to": session.jid, "transport": session.transport},
        )
