"""From outputs to frames for gateways: one frame per gateway and output, whoever is behind it. A measured hot path."""

from __future__ import annotations

import logging
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeAlias

from natter.bus import subjects
from natter.bus.carbons import of_error
from natter.bus.directory import Directory, Session
from natter.bus.sender import Senders
from natter.bus.series import STEP
from natter.proto.v1.bus_pb2 import Frame
from natter.telemetry import names
from natter.xmpp.element import attr_escape
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import carbons

from .room.request import Everyone, Output, Target
from .room.state import Occupant
from .strangers import Strangers

log = logging.getLogger(__name__)

# Rooms whose routes are kept, per shard.
AUDIENCES_MAX: Final = 256

# `to` attributes kept, some 100 bytes each.
ATTRIBUTES_KEPT_MAX: Final = 256

# Session ids and their addresses, by gateway.
Routes: TypeAlias = dict[str, tuple[list[str], list[str]]]


@dataclass(frozen=True, slots=True)
class Audience:
    """The routes to the occupants of a room, made when the directory was at `generation`."""

    occupants: Mapping[str, Occupant]
    generation: int
    routes: Routes


class Post:
    """The sending end of one shard. Awaits nothing while it sends: order is the order of the calls."""

    def __init__(
        self,
        directory: Directory,
        strangers: Strangers,
        senders: Senders,
        blocks: Callable[[str, str], bool] = lambda owner, jid: False,
    ) -> None:
        self._directory = directory
        self._blocks = blocks
        self._strangers = strangers
        self._senders = senders
        # The routes to all occupants of a room, by identity of the mapping that says who they are.
        self._audiences: OrderedDict[int, Audience] = OrderedDict()
        # Subject by gateway: as many as there are gateways.
        self._subjects: dict[str, str] = {}

    async def meet(self, outputs: Iterable[Output]) -> None:
        """Look up, before sending, the targets that the directory does not show."""
        known, strangers = self._directory.by_session, self._strangers
        unknown: dict[str, Target] = {}
        for output in outputs:
            if type(output.to) is Everyone and self._kept(output.to) is not None:
                continue
            for target in output.to:
                session = target.session
                if session and known(session) is None and strangers.gateway(session) is None:
                    unknown[session] = target
        for target in unknown.values():
            await strangers.look(target)

    def send(
        self,
        output: Output,
        sequence: int,
        index: int,
        accepted_us: int,
        traceparent: str,
        expect: Callable[[], Callable[[], None]],
    ) -> int:
        """Add the frames of one output; how many it reaches. `expect` is called per frame and gives its `stored`."""
        to = output.to
        alone = len(to) == 1
        if alone:
            (target,) = to
            wanted = bool(target.session) and not self._unwanted(target, output)
            gateway = self._gateway(target.session) if wanted else None
            if gateway and output.series:
                self._add(gateway, series_of(output, target, sequence, index, accepted_us), expect())
                return len(output.series)
            if gateway:
                # To one: whole, so that a gateway may hand it back where the session has left.
                frame = frame_of(output, sequence, index, accepted_us, traceparent)
                frame.sessions.append(target.session)
                frame.to = target.jid
                frame.stanza = addressed(output.stanza, target.jid)
                self._add(gateway, frame, expect())
                if output.copied:
                    self._copy(frame, target, expect)
                return 1
        if output.series:
            # Whoever it was for has left.
            return 0
        routes = self._everywhere(to, output) if type(to) is Everyone else self._routes(to, output)
        if not routes:
            if output.otherwise is not None:
                return self.send(output.otherwise, 0, 0, accepted_us, traceparent, expect)
            return 0
        frame = frame_of(output, sequence, index, accepted_us, traceparent)
        count = 0
        for gateway, (sessions, tos) in routes.items():
            frame.sessions[:] = sessions
            if alone and len(tos) == 1:
                frame.to = tos[0]
                frame.stanza = addressed(output.stanza, tos[0])
                del frame.tos[:]
            else:
                frame.to = ""
                frame.stanza = output.stanza
                frame.tos[:] = tos
            count += len(sessions)
            self._add(gateway, frame, expect())
        return count

    def _copy(self, error: Frame, target: Target, expect: Callable[[], Callable[[], None]]) -> None:
        account = bare_of(target.jid)
        for session, copy in of_error(error, account, target.session, self._directory, carbons.received):
            self._add(session.gateway, copy, expect())

    def _gateway(self, session: str) -> str | None:
        """Where a session is; "" or None: nowhere."""
        at = self._directory.by_session(session)
        return at.gateway if at is not None else self._strangers.gateway(session)

    def _add(self, gateway: str, frame: Frame, stored: Callable[[], None]) -> None:
        try:
            self._senders.add(self._subject(gateway), frame, stored)
        except ValueError:
            # It can never fit into a message of the bus; nobody may wait for it.
            names.POISON.add("DELIVERIES")
            log.error("a delivery was too large")
            stored()

    def _kept(self, everyone: Everyone) -> Routes | None:
        """The routes to all occupants, if they are known and nobody has moved since."""
        kept = self._audiences.get(id(everyone.occupants))
        if kept is None or kept.occupants is not everyone.occupants or kept.generation != self._strangers.generation:
            return None
        return kept.routes

    def _everywhere(self, everyone: Everyone, output: Output) -> Routes:
        routes = self._kept(everyone)
        if routes is None:
            # They are kept for whoever speaks: it counts who has blocked the room.
            routes = self._routes(everyone, replace(output, sender=bare_of(output.sender)))
            # The mapping is held, so that its identity is nobody else's.
            self._audiences[id(everyone.occupants)] = Audience(everyone.occupants, self._strangers.generation, routes)
            if len(self._audiences) > AUDIENCES_MAX:
                self._audiences.popitem(last=False)
        return routes

    def _unwanted(self, target: Target, output: Output) -> bool:
        """XEP-0191 §3.3: whether who it is for has blocked the room, the occupant, or who that is."""
        account = bare_of(target.jid)
        return self._blocks(account, output.sender) or (bool(output.speaker) and self._blocks(account, output.speaker))

    def _routes(self, to: Iterable[Target], output: Output) -> Routes:
        """Session ids and addresses by gateway."""
        routes: Routes = {}
        for target in to:
            if self._unwanted(target, output):
                continue
            session = target.session
            if not session:
                for found in self._anywhere(target.jid):
                    self._route(routes, found.gateway, found.session, target.jid)
                continue
            gateway = self._gateway(session)
            if gateway:
                self._route(routes, gateway, session, target.jid)
        return routes

    @staticmethod
    def _route(routes: Routes, gateway: str, session: str, to: str) -> None:
        route = routes.get(gateway)
        if route is None:
            route = routes[gateway] = ([], [])
        route[0].append(session)
        route[1].append(to)

    def _anywhere(self, jid: str) -> list[Session]:
        """The sessions that a message to `jid` goes to. RFC 6121 §8.5.2.1.1: of a bare JID, the highest priority."""
        if "/" in jid:
            found = self._directory.get(jid)
            return [found] if found is not None else []
        able = [s for s in self._directory.sessions(jid).values() if s.available and s.priority >= 0]
        highest = max((s.priority for s in able), default=0)
        return [s for s in able if s.priority == highest]

    def _subject(self, gateway: str) -> str:
        subject = self._subjects.get(gateway)
        if subject is None:
            if len(self._subjects) > 4096:
                self._subjects.clear()
            subject = self._subjects[gateway] = subjects.deliver(gateway)
        return subject


def frame_of(output: Output, sequence: int, index: int, accepted_us: int, traceparent: str) -> Frame:
    """The frame of an output, but for where it goes. Set one by one, and only what is not empty: half the time."""
    frame = Frame()
    frame.kind = output.kind  # type: ignore[assignment]
    frame.sender = output.sender
    if sequence:
        frame.sequence = sequence
        frame.index = index
    if accepted_us:
        frame.accepted_us = accepted_us
    if output.type:
        frame.type = output.type
    if output.id:
        frame.id = output.id
    if output.traits:
        frame.traits = output.traits
    if output.payload:
        frame.payload = output.payload
    if traceparent:
        frame.traceparent = traceparent
    return frame


def series_of(output: Output, target: Target, sequence: int, index: int, accepted_us: int) -> Frame:
    """The frame of several presences for one session: decoded, looked at and counted once. None of them is sampled."""
    own = b"<presence" + to_attribute(target.jid)
    stanzas = [own + stanza[9:] for stanza in output.series]
    frame = frame_of(output, sequence, index, accepted_us, "")
    frame.sessions.append(target.session)
    frame.to = target.jid
    frame.sizes = array("I", map(len, stanzas)).tobytes()
    frame.stanza = b"".join(stanzas)
    return frame


def steps(output: Output) -> int:
    """How many of the numbers by which what follows from one event is told apart an output takes."""
    return (len(output.series) - 1) * STEP + 1 if output.series else 1


def addressed(stanza: bytes, to: str) -> bytes:
    """`stanza` with its `to`. What a room draws begins with its plain name: <message …, <presence …, <iq …."""
    letter = stanza[1]
    end = 8 if letter == 0x6D else 9 if letter == 0x70 else 3
    return stanza[:end] + to_attribute(to) + stanza[end:]


@lru_cache(maxsize=ATTRIBUTES_KEPT_MAX)
def to_attribute(to: str) -> bytes:
    """As it stands in a start tag. A newcomer gets many stanzas one after another."""
    return f" to='{attr_escape(to)}'".encode()
