"""What the connections of one process share: sessions, the lane, the write of each tick, limits, clocks, the end."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from natter.bus.api import Bus, BusError
from natter.bus.sender import Sender
from natter.bus.subjects import INSTANCE_SECONDS
from natter.proto.v1 import bus_pb2
from natter.runtime.sections import Server
from natter.telemetry.names import LIMITS_HIT, OUTBOX_BYTES, SESSIONS
from natter.xmpp.stream.opening import Config

from . import backlog, resumption
from .admission import Admission
from .auth import Credentials, Verifier
from .binding import Binding, counted_frame
from .crowd import Crowd
from .gate import Gate
from .pipeline import KINDS, Refusing
from .ratelimit import Addresses
from .registration import Registration
from .removal import Removals
from .returns import Returns
from .session import Held, Session
from .settings import Settings
from .takeover import Takeovers
from .tally import Tally
from .unacked import Cursor, Unacked

log = logging.getLogger(__name__)

# Bound connections are looked at in turns: each time-out is noticed after this many sweeps at the latest.
TURNS = 8
CONGESTED_POLL_SECONDS = 0.05
# Below the age of a key in the bucket of instances: after that silence others may think this gateway dead.
CERTAIN_SECONDS = INSTANCE_SECONDS - 1.0
# Lost connections that are seen to in one turn of the loop: half a millisecond.
PARTED_PER_TURN_MAX = 8
# Streams closed between two turns of the loop when draining.
CLOSED_PER_TURN_MAX = 200


# How often some are closed, when not all at once.
CLOSING_SECONDS = 0.05
# Share of the time for stopping in which all are closed, whatever pace was asked for: the rest is for what they said.
CLOSING_SHARE_MAX = 0.8


def closing(connections: int, settings: Settings) -> float:
    """How many connections to close per second when draining."""
    pace = settings.drain_per_second
    if not pace:
        pace = connections / settings.drain_spread_seconds if settings.drain_spread_seconds else float("inf")
    return max(pace, connections / (settings.drain_seconds_max * CLOSING_SHARE_MAX))


class Peer(Protocol):
    """What the process asks of a connection."""

    address: str
    bound: bool

    def congested(self, congested: bool) -> None:
        """The lane is full (or no longer): do not read."""

    def end(self, condition: str, text: str = "") -> None:
        """Close the stream with this stream error."""

    def check(self, now: float) -> None:
        """Look at the time-outs."""

    def gone(self) -> None:
        """The transport is gone: leave nothing behind."""


@dataclass(slots=True, eq=False)
class Gateway:
    """One per process. Made by app.py, given to every connection."""

    settings: Settings
    server: Server
    incarnation: str
    bus: Bus
    loop: asyncio.AbstractEventLoop
    tls: ssl.SSLContext | None
    stream_config: Config
    lane: Sender
    # Into this gateway's own delivery log.
    own: Sender
    binding: Binding
    returns: Returns
    tally: Tally
    credentials: Credentials
    verifier: Verifier
    # SASL failures per address.
    failures: Addresses
    admission: Admission
    gate: Gate
    registration: Registration
    removals: Removals
    sessions: dict[str, Session] = field(default_factory=dict)
    # All connections, dealt into turns; and those that have no session yet.
    turns: list[set[Peer]] = field(default_factory=lambda: [set() for _ in range(TURNS)])
    unbound: set[Peer] = field(default_factory=set)
    per_address: Counter[str] = field(default_factory=Counter)
    count: int = 0
    turn: int = 0
    # Connections that are gone and not yet seen to, and how many were in this turn of the loop.
    parting: deque[Peer] = field(default_factory=deque)
    parted: int = 0
    awake: list[Session] = field(default_factory=list)
    crowd: Crowd = field(init=False)
    # Sessions that can be resumed, by the id their client knows, with or without a connection.
    resumable: dict[str, Session] = field(default_factory=dict)
    # Of those that ended: account and count of stanzas, for a client that comes too late. The oldest are forgotten.
    expired: OrderedDict[str, tuple[str, int]] = field(default_factory=OrderedDict)
    # Resumable sessions that have moved to other gateways since the last checkpoint.
    departed: set[str] = field(default_factory=set)
    # Where the delivery log is read.
    cursor: Cursor = field(default_factory=Cursor)
    # What to do when the gateway reads in its own log that a session's counts begin.
    starting: dict[str, Callable[[], None]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Frames that went into its own log.
    notes: int = 0
    takeovers: Takeovers = field(init=False)
    # When (monotonic) it was last certain that nobody thinks this gateway dead.
    certain_at: Callable[[], float] = field(default=lambda: float("inf"))
    congested: bool = False
    # What is not accepted because the bus has no room for it. See fullness.py.
    refusing: Refusing = Refusing.NOTHING
    draining: bool = False

    def __post_init__(self) -> None:
        self.takeovers = Takeovers(self)
        self.crowd = Crowd(self.loop.time, self.loop.call_later, self.wake)
        self.binding.moved = lambda session: resumption.moved(self, session)
        self.returns.told = self.tally.undelivered
        self.binding.rest = lambda session: backlog.rest(self, session)

    # --- connections ------------------------------------------------------------------------------------------------

    def admit(self, peer: Peer) -> str:
        """Count a new connection. Not "": close it with this stream error."""
        self.count += 1
        self.per_address[peer.address] += 1
        self.turns[id(peer) // 64 % TURNS].add(peer)
        self.unbound.add(peer)
        if self.draining:
            return "system-shutdown"
        if self.count > self.settings.connections_max:
            LIMITS_HIT.add("connections")
            return "resource-constraint"
        if self.server.rate_limits and self.per_address[peer.address] > self.settings.connections_per_address_max:
            LIMITS_HIT.add("connections_per_address")
            return "policy-violation"
        return ""

    def dismiss(self, peer: Peer) -> None:
        """A connection is gone."""
        self.count -= 1
        self.per_address[peer.address] -= 1
        if not self.per_address[peer.address]:
            del self.per_address[peer.address]
        self.turns[id(peer) // 64 % TURNS].discard(peer)
        self.unbound.discard(peer)

    def lost(self, peer: Peer) -> None:
        """A transport is gone. When all are gone at once, some are seen to in each turn of the loop."""
        if self.parted >= PARTED_PER_TURN_MAX:
            self.parting.append(peer)
            return
        if not self.parted:
            self.loop.call_soon(self._next_lost)
        self.parted += 1
        peer.gone()

    def _next_lost(self) -> None:
        self.parted = 0
        for _ in range(min(PARTED_PER_TURN_MAX, len(self.parting))):
            self.lost(self.parting.popleft())

    def connections(self) -> list[Peer]:
        """Every connection now."""
        return [peer for turn in self.turns for peer in turn]

    def sweep(self) -> None:
        """Look at the time-outs: of everybody without a session, and of one part of the others."""
        now = self.loop.time()
        for peer in list(self.unbound):
            if peer.bound:
                self.unbound.discard(peer)
            else:
                peer.check(now)
        self.turn = (self.turn + 1) % TURNS
        for peer in list(self.turns[self.turn]):
            if peer.bound:
                peer.check(now)
        if not self.turn:
            self._measure_outboxes()

    def _measure_outboxes(self) -> None:
        unwritten = unacknowledged = 0
        for session in self.sessions.values():
            outbox = session.outbox
            if isinstance(outbox, Unacked):
                unacknowledged += outbox.queue_bytes
            else:
                unwritten += outbox.waiting_bytes
        OUTBOX_BYTES.set(unwritten, "unwritten")
        OUTBOX_BYTES.set(unacknowledged, "unacknowledged")

    def sweep_seconds(self) -> float:
        """How often, so that no time-out is noticed much too late."""
        settings = self.settings
        bound = min(settings.idle_seconds, settings.ping_seconds_max) / (2 * TURNS)
        return min(1.0, bound, settings.tls_seconds_max / 10, settings.bind_seconds_max / 10)

    # --- sessions ---------------------------------------------------------------------------------------------------

    def enter(self, session: Session) -> None:
        """A resource was bound: deliveries may come."""
        self.sessions[session.id] = session
        SESSIONS.set(len(self.sessions))
        current = self.binding.directory.get(session.jid)
        if current is None or current.session != session.id:
            # Taken over between its binding and now.
            session.link.end("conflict", "replaced by a new session")

    def leave(self, session: Session) -> None:
        """The session is over: it says so in the lane and leaves the directory."""
        if not session.over and self.sessions.pop(session.id, None) is not None:
            SESSIONS.set(len(self.sessions))
            if session.managed is not None:
                resumption.forget(self, session, session.managed)
            self.binding.release(session)

    def wake(self, session: Session) -> None:
        """Write the session's outbox once, at the end of this tick."""
        session.awake = True
        if not self.awake:
            self.loop.call_soon(self.write)
        self.awake.append(session)

    def write(self) -> None:
        """One write per socket."""
        awake, self.awake = self.awake, []
        for session in awake:
            session.awake = False
            try:
                session.link.write()
            except Exception:
                # One socket's trouble is not the others'.
                log.exception("a session could not be written to")

    def worked_off(self) -> int:
        """The newest entry of the delivery log that is worked off; what could be written by now is."""
        self.crowd.write()
        self.write()
        return self.cursor.sequence

    def answer(self, session: Session, kind: str, stanza: bytes) -> None:
        """A stanza of the gateway's own, which the client counts."""
        if session.managed is None:
            self.say(session, stanza)
        else:
            # Through the log, like every other: what is in it is all that the client is ever sent.
            self.note(bus_pb2.Frame(kind=KINDS[kind], stanza=stanza, sessions=[session.id], type="error"))

    def note(self, frame: bus_pb2.Frame, stored: Callable[[], None] | None = None) -> None:
        """Put a frame into this gateway's own log, in which it is read once."""
        self.notes += 1
        frame.number = self.notes
        self.own.add(frame, stored)

    def counted(self, session: Session, stored: Callable[[], None] | None = None, *, arrived: bool = False) -> None:
        """A stanza goes no further, and counts all the same (XEP-0198 §4): whoever counts the lane's must know."""
        if session.managed is None:
            return
        frame = counted_frame(session.id, session.inbound, self.incarnation if arrived else "")
        if session.announcing is None:
            self.lane.add(frame, stored)
        else:
            session.held.append(Held(frame, then=None if stored is None else lambda: self.lane.when_stored(stored)))

    def certain(self) -> bool:
        """Whether nobody can have taken sessions over because this gateway stood still, or was cut off from the bus."""
        return monotonic() - self.certain_at() < CERTAIN_SECONDS

    async def returned(self) -> None:
        """Return when everything that goes back to the lane by now is stored there."""
        leaving = list(self.binding.releasing)
        if leaving:
            await asyncio.wait(leaving)
        await self.binding.all_returned()

    async def has(self, session: Session) -> bool:
        """Whether the session is surely still here."""
        while not self.certain() and not session.over:
            try:
                return await self.binding.directory.look(session.record)
            except BusError:
                await asyncio.sleep(CONGESTED_POLL_SECONDS)
        return not session.over

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background; it is cancelled at the end."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._spawned)
        return task

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    def control(self, frame: bus_pb2.Frame) -> None:
        """A frame of the delivery log that is no stanza."""
        if frame.control == bus_pb2.CONTROL_ADOPTED and frame.sessions[0] in self.starting:
            self.starting.pop(frame.sessions[0])()
        else:
            self.takeovers.control(frame)

    def say(self, session: Session, data: bytes) -> None:
        """Something from the gateway itself that is no stanza, in its place among the stanzas."""
        if not session.outbox.say(data):
            LIMITS_HIT.add("outbox")
            session.link.overflow()
        if not session.awake:
            self.wake(session)

    # --- the lane ---------------------------------------------------------------------------------------------------

    def look_at_lane(self) -> None:
        """Stop reading sockets while too much waits to be stored: nothing lost, nothing unbounded."""
        if not self.congested and self._waiting_bytes() > self.settings.waiting_bytes_max:
            LIMITS_HIT.add("lane")
            self.congested = True
            for peer in self.connections():
                # Who has no session puts nothing into the lane, and is told what is wrong when he logs in.
                if peer.bound:
                    peer.congested(True)
            self.loop.call_later(CONGESTED_POLL_SECONDS, self._look_again)

    def _waiting_bytes(self) -> int:
        return self.lane.waiting_bytes + self.own.waiting_bytes

    def _look_again(self) -> None:
        if self._waiting_bytes() > self.settings.waiting_bytes_max // 2:
            self.loop.call_later(CONGESTED_POLL_SECONDS, self._look_again)
            return
        self.congested = False
        for peer in self.connections():
            peer.congested(False)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Close every stream, then return when every session has left the directory and everything is stored."""
        self.draining = True
        await self._close_all()
        # Sessions that can be resumed stay: another gateway takes them over.
        await self.binding.released()
        # Routers that have not seen it yet may still deliver: that goes back, too.
        await asyncio.sleep(self.settings.linger_seconds)
        self.returns.flush()
        await self.own.drain()
        await self.lane.drain()

    async def _close_all(self) -> None:
        """Close every stream at the chosen pace; nothing is made up for, unless time runs out."""
        peers = self.connections()
        asked = closing(len(peers), self.settings)
        at = self.loop.time()
        end = at + self.settings.drain_seconds_max * CLOSING_SHARE_MAX
        owed = 1.0
        while peers:
            now = self.loop.time()
            pace = max(asked, len(peers) / max(end - now, CLOSING_SECONDS))
            missed = min(now - at, CLOSING_SECONDS)
            owed = min(owed + pace * missed, CLOSED_PER_TURN_MAX) if asked < float("inf") else CLOSED_PER_TURN_MAX
            at = now
            while owed >= 1.0 and peers:
                # RFC 6120 §4.9.3.19: the server is being shut down.
                peers.pop().end("system-shutdown")
                owed -= 1.0
            if peers:
                await asyncio.sleep(0 if asked == float("inf") else CLOSING_SECONDS)
