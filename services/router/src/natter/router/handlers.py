"""A lane's entries: decode, decide, publish. The hot path of the router: speed wins over taste; see tests/bench."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from google.protobuf.message import DecodeError
from natter.bus import plain, series
from natter.bus.api import Entry
from natter.bus.directory import Directory
from natter.bus.facts import FactsWriter
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.proto.v1.bus_pb2 import Frame
from natter.telemetry import names
from natter.xmpp.forged import SUSPECT

from . import history, replies, spans
from .attention import Attention
from .fences import Fences
from .history import Work
from .orders import Orders
from .pipeline import decide
from .question import Server
from .route.outcome import (
    Answer,
    Bounce,
    Copy,
    Deliver,
    Drop,
    Hand,
    HandRooms,
    Keep,
    Order,
    Outcome,
    Outcomes,
    Reason,
)
from .route.returned import COPIED
from .route.view import Hosts, Session
from .subjects import Subjects
from .xeps import delay

log = logging.getLogger(__name__)

# An entry is a NATS message, 1 MiB at most: that few cannot be too much.
OPEN_ENTRIES: Final = 16


@dataclass(slots=True)
class Office:
    """What all lanes of this process share."""

    directory: Directory
    hosts: Hosts
    server: Server
    subjects: Subjects
    facts: FactsWriter
    now_us: Callable[[], int]
    waiting_bytes_max: int
    attention: Attention = field(default_factory=Attention)
    # None where nothing can be commanded.
    orders: Orders | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """The holder's worker for one lane. `take` neither awaits nor starts a task."""

    office: Office
    senders: Senders
    progress: Progress
    fences: Fences = field(default_factory=Fences)
    # Told when it is closed.
    closed: Callable[[], None] = field(default=lambda: None)
    # Of the entry at work.
    _sequence: int = 0
    _source: str = ""
    # Of the frame at work.
    _work: Work = field(default_factory=Work)
    _stored: Callable[[], None] = field(default=lambda: None)

    def take(self, entry: Entry) -> None:
        """Route every frame of one envelope, in order. Never raises for what is in the entry."""
        self._sequence = sequence = entry.sequence
        progress = self.progress
        progress.begin(sequence)
        self._stored = partial(progress.done, sequence)
        try:
            self._source, frames = plain.frames_of(entry.payload)
        except (ValueError, IndexError):
            names.POISON.add("LANES")
            log.error("an entry of a lane is no envelope", extra={"sequence": sequence})
        else:
            self._frames(frames)
        progress.finish(sequence)

    def full(self) -> bool:
        """Whether so much waits to be stored that no more must be read now."""
        # Asked after each entry: the sum is made only where it could be large.
        return (
            self.progress.open_sequences > OPEN_ENTRIES and self.senders.waiting_bytes > self.office.waiting_bytes_max
        )

    async def close(self) -> None:
        """Give up what is not stored: the next holder starts behind the position and repeats it."""
        self.closed()
        await self.senders.close()

    def _frames(self, frames: list[bytes]) -> None:
        office = self.office
        get, deliver = office.directory.get, office.subjects.deliver
        attention = office.attention
        recipient, delivery = plain.recipient, plain.delivery
        cause = plain.sequence(self._sequence)
        # By subject: what goes there next, all of it plain.
        runs: dict[str, list[bytes]] = {}
        delivered = following = 0
        for raw in frames:
            position = following
            to, count = recipient(raw)
            following += count
            if (
                to
                and not self.fences.fenced
                and (session := get(to.decode())) is not None
                and not (attention.active and attention.wanted(raw, session.jid))
            ):
                # RFC 6121 §8.5.3.1: a matching resource gets messages of every type. Nothing is decoded nor copied.
                delivered += count
                subject = deliver(session.gateway)
                run = runs.get(subject)
                if run is None:
                    run = runs[subject] = []
                run.append(delivery(raw, cause, position << 4, session.session))
                continue
            if runs:
                self._send_runs(runs)
            for place, one in enumerate((raw,) if count == 1 else singles(raw), position):
                delivered += self._frame(one, place)
        self._send_runs(runs)
        if delivered:
            names.ROUTED.add("delivered", by=delivered)

    def _send_runs(self, runs: dict[str, list[bytes]]) -> None:
        for subject, run in runs.items():
            self.senders.to(subject).add_encoded(run, self._stored)
            self.progress.expect(self._sequence)
        runs.clear()

    def _frame(self, raw: bytes, position: int) -> bool:
        """One frame, decoded. Whether it was delivered to a single session: the others are counted in their place."""
        try:
            frame = Frame.FromString(raw)
        except DecodeError:
            names.POISON.add("LANES")
            log.error("a frame of a lane cannot be decoded", extra={"sequence": self._sequence})
            return False
        if not frame.kind:
            self.fences.control(self, frame, self._source)
            return False
        if self.fences.fenced and self.fences.stops(frame, self._source):
            self._drop(frame, "fenced")
            return False
        office = self.office
        work = self._work.begin(raw)
        try:
            if frame.traits & SUSPECT:
                history.clean(work, frame, office.hosts.domain)
            outcomes = self._traced(frame) if frame.traceparent else decide(frame, office.directory, office.hosts)
            if frame.returned:
                _clean(frame)
                delay.stamp(frame, outcomes, office.hosts.domain)
            # RFC 6120 §10.1: the cause, by which a reader knows what it has seen, and the order.
            frame.sequence = self._sequence
            frame.index = position << 4
            outcome = outcomes[0]
            if type(outcome) is Deliver and len(outcome.sessions) == 1:
                # One session, the nearly only case: the frame itself goes on, nothing is copied.
                session = outcome.sessions[0]
                frame.sessions.append(session.session)
                self._send(office.subjects.deliver(session.gateway), frame)
                return True
            for outcome in outcomes:
                self._carry_out(frame, outcome)
        except Exception as error:
            # One bad frame must not stop a lane. What it held stays out of the log.
            names.POISON.add("LANES")
            log.error("a frame was dropped: %s", type(error).__name__, extra={"sequence": self._sequence})
            self._drop(frame, "poison")
        return False

    def _traced(self, frame: Frame) -> Outcomes:
        """Decide a sampled frame, and say so."""
        office = self.office
        start_us = office.now_us()
        outcomes = decide(frame, office.directory, office.hosts)
        frame.traceparent = spans.routed(frame, outcomes, start_us, office.now_us())
        return outcomes

    def tell(self, gateway: str, frame: Frame) -> None:
        """Something for a gateway itself, once everything that was decided so far is stored."""
        self._send_later(self.office.subjects.deliver(gateway), frame, self._stored)

    def _send_later(self, subject: str, frame: Frame, stored: Callable[[], None]) -> None:
        self.progress.expect(self._sequence)
        waiting = self.senders.waiting()
        left = len(waiting)

        def one() -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                self.senders.add(subject, frame, stored)

        for sender in waiting:
            sender.when_stored(one)
        if not waiting:
            one()

    def _send(self, subject: str, frame: Frame) -> None:
        self.senders.to(subject).add(frame, self._stored)
        # Only now: what could not be added is not waited for. `stored` never runs inside `add`.
        self.progress.expect(self._sequence)

    def _send_raw(self, subject: str, frame: bytes) -> None:
        self.senders.to(subject).add_encoded((frame,), self._stored)
        self.progress.expect(self._sequence)

    def _carry_out(self, frame: Frame, outcome: Outcome) -> None:
        match outcome:
            case Deliver(sessions):
                self._deliver(frame, sessions)
            case Keep():
                history.keep(self._work, frame, outcome, self.office.subjects, self._send_raw)
                if outcome.waits and not frame.stored:
                    # The archive answers for it from here on.
                    self._record(frame, "stored")
            case Copy():
                history.copy(self._work, frame, outcome, self.office.subjects, self._send)
            case Hand(kind, entity):
                self._send(self.office.subjects.shard(kind, entity), frame)
                names.ROUTED.add(kind)
            case HandRooms(rooms):
                for subject in self.office.subjects.rooms(rooms):
                    self._send(subject, frame)
                names.ROUTED.add("room")
            case Bounce(condition, blocked):
                error = replies.error(frame, condition, blocked=blocked)
                self._work.error = error.stanza
                told = self._reply(frame, error)
                if told:
                    self._record(frame, "bounced")
                else:
                    self._drop(frame, "sender-left")
            case Answer():
                self._reply(frame, replies.answer(frame, self.office.server, self.office.now_us()))
                names.ROUTED.add("answered")
            case Order():
                self._order(frame)
            case Drop(reason):
                self._drop(frame, reason)

    def _deliver(self, frame: Frame, sessions: tuple[Session, ...]) -> None:
        """One frame per gateway."""
        by_gateway: dict[str, list[str]] = {}
        for session in sessions:
            by_gateway.setdefault(session.gateway, []).append(session.session)
        if len(by_gateway) > 1:
            frame.traits |= COPIED
        for gateway, ids in by_gateway.items():
            frame.sessions[:] = ids
            self._send(self.office.subjects.deliver(gateway), frame)
        names.ROUTED.add("delivered")

    def _order(self, frame: Frame) -> None:
        """Done in the background; the lane's position waits for the answer."""
        if self.office.orders is None:
            return
        own = Frame()
        own.CopyFrom(frame)
        sequence, done = self._sequence, self._stored

        def follow(frames: list[tuple[str, Frame]]) -> None:
            for gateway, follows in frames:
                self.progress.expect(sequence)
                self.senders.add(self.office.subjects.deliver(gateway), follows, done)
            done()

        self.progress.expect(sequence)
        self.office.orders.take(own, self._source, follow)

    def _reply(self, frame: Frame, reply: Frame) -> bool:
        """To the session that asked, at the gateway that wrote the lane.

        For a returned frame wherever it is now; or, where it has ended, to who has its full JID now: its client, again.
        """
        gateway, session = self._source, frame.session
        if frame.returned:
            directory = self.office.directory
            found = directory.by_session(session) or directory.get(frame.sender)
            if found is None:
                return False
            gateway, session = found.gateway, found.session
        reply.sequence = frame.sequence
        reply.index = frame.index
        reply.sessions.append(session)
        self._send(self.office.subjects.deliver(gateway), reply)
        return True

    def _drop(self, frame: Frame, reason: Reason) -> None:
        self._record(frame, f"dropped:{reason}")

    def _record(self, frame: Frame, outcome: str) -> None:
        """A row of metadata for what does not arrive."""
        names.ROUTED.add(outcome)
        self.office.facts.ended(frame, outcome, self.office.now_us(), spans.trace_id(frame))


def singles(raw: bytes) -> list[bytes]:
    """A series, each message as the frame that it stands for."""
    try:
        return [frame.SerializeToString() for frame in series.expanded(Frame.FromString(raw))]
    except DecodeError:
        # `_frame` says so.
        return [raw]


def _clean(frame: Frame) -> None:
    """Without what a delivery that came back has left in it."""
    del frame.sessions[:]
    frame.traits &= ~COPIED
