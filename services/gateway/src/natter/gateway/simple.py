"""Messages of the commonest shape from stanza to lane, many at once, without objects. A measured hot path: `accept` is
what it does, step by step; speed wins over taste. Benchmark: tests/bench/gateway_stanzas.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import random
from typing import Final

from natter.bus import plain
from natter.bus.facts import Row
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import STANZAS_PROCESSED
from natter.xmpp import jid
from natter.xmpp.forged import suspect
from natter.xmpp.stream.asks import ServerEvent
from natter.xmpp.stream.events import Stanza
from natter.xmpp.traits import traits_of

from .gateway import Gateway
from .ingest import INBOUND_MASK, accept
from .session import Route, Session

# Remembered per session; beyond that the memory starts anew.
ROUTES_MAX: Final = 64
HEAD: Final = len(b"<message")
KIND: Final = int(bus_pb2.KIND_MESSAGE)


def take(gateway: Gateway, session: Session, events: Sequence[ServerEvent], now_us: int) -> Sequence[ServerEvent]:
    """Accept the simple messages that `events` begins with; the others are left."""
    if session.announcing is not None or gateway.refusing:
        return events
    ratio = gateway.tally.sample_ratio
    routes, sender, transport = session.routes, session.jid, session.transport
    frames: list[bytes] = []
    rows: list[Row] = []
    children: tuple[str, ...] | None = None
    lang: str | None = None
    shared = start = b""
    taken = 0
    for stanza in events:
        if stanza.__class__ is not Stanza or not stanza.simple:
            break
        taken += 1
        key = (stanza.to, stanza.type)
        route = routes[key] if key in routes else remember(session, *key)
        roll = -1.0
        if route is None or suspect(stanza.children) or (roll := random()) < ratio:
            # An address that is not normalised or not there, what only servers may say, or a sampled stanza: step by
            # step, in its place.
            _add(gateway, frames, rows)
            frames, rows = [], []
            accept(gateway, session, stanza, now_us, roll)
            if session.over:
                return ()
            continue
        # XEP-0198 §4: every stanza counts.
        session.inbound = inbound = session.inbound + 1 & INBOUND_MASK
        if stanza.children is not children:
            children = stanza.children
            shared = plain.shared(traits_of(children), now_us)
        if stanza.lang != lang or not start:
            lang = stanza.lang
            start = stanza.start(sender)
        raw = stanza.raw
        frames.append(plain.frame(route.head, shared, stanza.id, inbound, start, raw[HEAD:]))
        rows.append((now_us, KIND, stanza.type, 0, "accepted", transport, sender, route.to, len(raw), 0, ""))
    _add(gateway, frames, rows)
    return events[taken:] if taken < len(events) else ()


def remember(session: Session, to: str | None, type: str) -> Route | None:
    """The route to an address, None where messages to it go step by step."""
    route = None
    try:
        if to and jid.normalise(to) == to:
            route = Route(plain.head(to=to, type=type, sender=session.jid, session=session.id), to)
    except jid.JIDError:
        # RFC 6120 §8.3.3.8: `accept` answers it.
        pass
    if len(session.routes) >= ROUTES_MAX:
        session.routes.clear()
    session.routes[to, type] = route
    return route


def _add(gateway: Gateway, frames: list[bytes], rows: list[Row]) -> None:
    if frames:
        gateway.lane.add_encoded(frames)
        gateway.tally.facts.extend(rows)
        STANZAS_PROCESSED.add("message", "in", by=len(rows))
