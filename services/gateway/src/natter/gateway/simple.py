"""Messages of the commonest shape from stanza to lane, many at once, without objects. A measured hot path: `accept` is
what it does, step by step; speed wins over taste. Benchmark: tests/bench/gateway_stanzas.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import random
from typing import Final

from natter.bus import plain
from natter.bus.facts import Row
from natter.bus.series import SERIES_BYTES_MAX
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import STANZAS_PROCESSED
from natter.xmpp import jid
from natter.xmpp.forged import suspect
from natter.xmpp.stream.asks import ServerEvent
from natter.xmpp.stream.events import Nonza, Series, Stanza
from natter.xmpp.stream.simple import SERIES_MAX, part, singles
from natter.xmpp.traits import traits_of
from natter.xmpp.xeps import stream_management as sm

from . import management
from .gateway import Gateway
from .ingest import INBOUND_MASK, accept
from .session import Route, Session

# Remembered per session; beyond that the memory starts anew.
ROUTES_MAX: Final = 64
HEAD: Final = len(b"<message")
KIND: Final = int(bus_pb2.KIND_MESSAGE)


def take(gateway: Gateway, session: Session, events: Sequence[ServerEvent], now_us: int, at: int = 0) -> int:
    """Accept the simple messages that stand at `at` of `events`; the place of the first that is none.

    Requests of stream management between them are answered in their places, and part nothing.
    """
    if at == len(events) or session.announcing is not None or gateway.refusing:
        return at
    ahead = events[at]
    if isinstance(ahead, Nonza) and ahead.name != sm.REQUEST:
        # The commonest read of all under stream management: an `<a/>`.
        return at
    ratio = gateway.tally.sample_ratio
    routes = session.routes
    if not at and len(events) == 1 and alone(gateway, session, events[0], now_us):
        return 1
    taken = Taken(gateway, session, now_us)
    for event in events[at:] if at else events:
        if isinstance(event, Series):
            first, count = event.first, len(event.sizes)
        elif isinstance(event, Stanza) and event.simple:
            first, count = event, 1
        elif isinstance(event, Nonza) and event.name == sm.REQUEST and session.managed is not None:
            at += 1
            taken.requests.append(session.inbound)
            continue
        else:
            break
        at += 1
        key = (first.to, first.type)
        route = routes[key] if key in routes else remember(session, *key)
        if route is None or suspect(first.children):
            # An address that is not normalised or not there, or what only servers may say.
            taken.flush()
            one_by_one(gateway, session, event, now_us)
        elif ratio and min(rolls := [random() for _ in range(count)]) < ratio:
            for piece, roll in pieces(event, rolls, ratio):
                if roll < ratio and isinstance(piece, Stanza):
                    # Step by step, in its place.
                    taken.flush()
                    accept(gateway, session, piece, now_us, roll)
                else:
                    taken.add(piece, route)
        else:
            taken.add(event, route)
        if session.over:
            return len(events)
    taken.flush()
    return at


def alone(gateway: Gateway, session: Session, event: ServerEvent, now_us: int) -> bool:
    """`take` for a read that brought one message, the shortest way; False where that is not so simple."""
    if not isinstance(event, Stanza) or not event.simple:
        return False
    route = session.routes.get((event.to, event.type))
    if route is None or suspect(event.children):
        return False
    roll = random()
    if roll < gateway.tally.sample_ratio:
        accept(gateway, session, event, now_us, roll)
        return True
    # XEP-0198 §4: every stanza counts.
    session.inbound = inbound = session.inbound + 1 & INBOUND_MASK
    shared = plain.shared(traits_of(event.children), now_us)
    gateway.lane.add_encoded((single(route, shared, inbound, event, session.jid),))
    gateway.tally.facts.extend((row_of(now_us, session, event, route),))
    STANZAS_PROCESSED.add("message", "in")
    return True


class Taken:
    """What was accepted and is not in the lane yet. What follows each other on one route is one series (ADR 17)."""

    __slots__ = (
        "children",
        "count",
        "first",
        "frames",
        "gateway",
        "inbound",
        "now_us",
        "parts",
        "requests",
        "route",
        "rows",
        "session",
        "shared",
        "shares",
        "sizes",
        "stamped",
    )

    def __init__(self, gateway: Gateway, session: Session, now_us: int) -> None:
        self.gateway = gateway
        self.session = session
        self.now_us = now_us
        self.frames: list[bytes] = []
        self.rows: list[Row] = []
        self.count = 0
        # The count of stanzas at each `<r/>`.
        self.requests: list[int] = []
        # Of the message before: its children, and what follows from them.
        self.children: tuple[str, ...] | None = None
        self.shares = b""
        # The series that may go on: what it began with, the stanzas, how long they came and how long they are now.
        self.first: Stanza | Series | None = None
        self.route: Route | None = None
        self.shared = b""
        self.inbound = 0
        self.parts: list[bytes] = []
        self.sizes: list[int] = []
        self.stamped: list[int] = []

    def add(self, event: Stanza | Series, route: Route) -> None:
        """Accept a message or a series on this route, none of them sampled."""
        session = self.session
        if isinstance(event, Series):
            stanza, came = event.first, event.sizes
            raw, sizes = event.stamped(session.jid)
        else:
            stanza, came = event, [len(event.raw)]
            raw = event.start(session.jid) + event.raw[HEAD:]
            sizes = [len(raw)]
        if stanza.children is not self.children:
            self.children = stanza.children
            self.shares = plain.shared(traits_of(stanza.children), self.now_us)
        if self.first is not None and not self._goes_on(route, sizes):
            self._close()
        if self.first is None:
            self.first, self.route, self.shared = event, route, self.shares
            self.inbound = session.inbound + 1 & INBOUND_MASK
        # XEP-0198 §4: every stanza counts.
        session.inbound = session.inbound + len(sizes) & INBOUND_MASK
        self.count += len(sizes)
        self.parts.append(raw)
        self.sizes += came
        self.stamped += sizes

    def _goes_on(self, route: Route, sizes: Sequence[int]) -> bool:
        """Whether what follows has everything in common with the series, and there is room in it."""
        return (
            route is self.route
            and self.shares == self.shared
            and len(self.sizes) + len(sizes) <= SERIES_MAX
            and sum(self.stamped) + sum(sizes) <= SERIES_BYTES_MAX
        )

    def _close(self) -> None:
        """Nothing more comes to the series."""
        first, route, session = self.first, self.route, self.session
        if first is None or route is None:
            return
        self.first = None
        parts, self.parts = self.parts, []
        sizes, self.sizes = self.sizes, []
        stamped, self.stamped = self.stamped, []
        if isinstance(first, Stanza) and len(sizes) == 1:
            self.frames.append(plain.frame(route.head, self.shared, first.id, self.inbound, parts[0], b""))
            self.rows.append(row_of(self.now_us, session, first, route))
            return
        stanzas = b"".join(parts)
        if len(stanzas) <= SERIES_BYTES_MAX:
            self.frames.append(plain.series(route.head, self.shared, self.inbound, stamped, stanzas))
        elif isinstance(first, Series):
            self.frames += apart(route, self.shared, self.inbound, first, session.jid)
        type = (first.first if isinstance(first, Series) else first).type
        row = (self.now_us, KIND, type, 0, "accepted", session.transport, session.jid, route.to, 0, 0, "")
        self.gateway.tally.facts.repeat(row, sizes)

    def flush(self) -> None:
        """It goes into the lane and the books."""
        self._close()
        if self.frames:
            self.gateway.lane.add_encoded(self.frames)
            if self.rows:
                self.gateway.tally.facts.extend(self.rows)
            STANZAS_PROCESSED.add("message", "in", by=self.count)
            self.frames, self.rows, self.count = [], [], 0
        if self.requests:
            requests, self.requests = self.requests, []
            management.requested(self.gateway, self.session, requests)


def row_of(now_us: int, session: Session, stanza: Stanza, route: Route) -> Row:
    """What is told of one message."""
    size = len(stanza.raw)
    return (now_us, KIND, stanza.type, 0, "accepted", session.transport, session.jid, route.to, size, 0, "")


def single(route: Route, shared: bytes, inbound: int, stanza: Stanza, sender: str) -> bytes:
    """The frame of one message."""
    return plain.frame(route.head, shared, stanza.id, inbound, stanza.start(sender), stanza.raw[HEAD:])


def apart(route: Route, shared: bytes, inbound: int, series: Series, sender: str) -> list[bytes]:
    """The frames of a series that would be too long as one."""
    return [
        single(route, shared, inbound + number & INBOUND_MASK, stanza, sender)
        for number, stanza in enumerate(singles(series))
    ]


def pieces(event: Stanza | Series, rolls: Sequence[float], ratio: float) -> Iterator[tuple[Stanza | Series, float]]:
    """A series, cut where a message is sampled; with each piece its die."""
    if not isinstance(event, Series):
        yield event, rolls[0]
        return
    start = 0
    for number, roll in enumerate(rolls):
        if roll < ratio:
            if start < number:
                yield part(event, start, number), 1.0
            yield part(event, number, number + 1), roll
            start = number + 1
    if start < len(rolls):
        yield part(event, start, len(rolls)), 1.0


def one_by_one(gateway: Gateway, session: Session, event: Stanza | Series, now_us: int) -> bool:
    """`accept` for each, until one of them ends the session. False as there."""
    going = True
    for stanza in singles(event) if isinstance(event, Series) else (event,):
        going = accept(gateway, session, stanza, now_us) and going
        if session.over:
            break
    return going


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
