"""From the delivery log to outboxes. A measured hot path: speed wins over taste."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time_ns

from natter.bus.api import Entry
from natter.bus.series import STEP, expanded, lengths
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import LIMITS_HIT, REPEATED
from natter.xmpp.element import insert_to

from . import acktrace
from .crowd import CROWD_SESSIONS_MIN, Crowd
from .returns import Returns
from .session import Session
from .tally import Tally
from .unacked import Cursor, Unacked

# Logs that may deliver here: lanes, room shards and user shards, all of which are far fewer.
SOURCES_MAX = 8192


@dataclass(slots=True)
class Deliveries:
    """The reader of natter.deliver.<incarnation>."""

    sessions: Mapping[str, Session]
    returns: Returns
    tally: Tally
    # Puts a session among those whose outbox is written at the end of this tick.
    wake: Callable[[Session], None]
    # Per source, the highest cause that was seen: sequence << 32 | index.
    marks: dict[str, int] = field(default_factory=dict)
    # Of the frame at work; `cursor.sequence` is the last entry that was worked off between two.
    cursor: Cursor = field(default_factory=Cursor)
    # This gateway's name as a source: what it has put into its own log for sessions under stream management.
    incarnation: str = ""
    # The highest number of its frames that was seen.
    noted: int = 0
    # What frames without a stanza are for.
    control: Callable[[bus_pb2.Frame], None] = field(default=lambda _: None)
    # For presence that many sessions here get: what wakes each of them, now or a little later.
    crowd: Crowd | None = None
    # Whether a session that is not here has moved to another gateway, which reads this log for it.
    moved: Callable[[str], bool] = field(default=lambda _: False)

    def take(self, entry: Entry) -> None:
        """Write every frame of one envelope to the sessions it names."""
        envelope = bus_pb2.Envelope.FromString(entry.payload)
        source = envelope.source
        cursor = self.cursor
        cursor.source, cursor.sequence = source, entry.sequence
        if source == self.incarnation:
            self._own(envelope)
            return
        before = mark = self.marks.get(source, 0)
        now_us = time_ns() // 1000
        # Only services broadcast; a router's frames carry their `to` in the stanza. Asking every frame costs 0.2 µs.
        routed = source.startswith("lane.")
        written = [0, 0, 0, 0]
        following = 0
        for frame in envelope.frames:
            cursor.position = following
            following += 1
            if sizes := frame.sizes:
                following += len(sizes) // 4 - 1
                mark = self._series(frame, mark, written, now_us)
                continue
            cause = 0
            if sequence := frame.sequence:
                # The log's holder repeats what it is not sure to have said; what was seen is skipped.
                cause = sequence << 32 | frame.index
                if cause <= mark:
                    REPEATED.add()
                    continue
                mark = cause
            names = frame.sessions
            if not routed and frame.tos:
                written[frame.kind] += self._broadcast(frame, names, now_us)
            elif len(names) == 1:
                written[frame.kind] += self._write(frame, names[0], frame.stanza, now_us, cause)
            elif not names:
                self.control(frame)
            else:
                stanza = frame.stanza
                for name in names:
                    written[frame.kind] += self._write(frame, name, stanza, now_us, cause)
        self.tally.written(written)
        if mark != before:
            self._remember(source, mark)

    def _own(self, envelope: bus_pb2.Envelope) -> None:
        """What this gateway itself has put into the log: the one order of all that a managed session is sent."""
        now_us = time_ns() // 1000
        for position, frame in enumerate(envelope.frames):
            self.cursor.position = position
            if frame.number:
                if frame.number <= self.noted:
                    REPEATED.add()
                    continue
                self.noted = frame.number
            if frame.control:
                self.control(frame)
                continue
            name = frame.sessions[0]
            session = self.sessions.get(name)
            if session is None or not isinstance(session.outbox, Unacked):
                self._absent(frame, name)
                continue
            if not session.awake:
                self.wake(session)
            if not session.outbox.append(frame.stanza, frame, self.cursor.place):
                LIMITS_HIT.add("outbox")
                session.link.overflow()
            if not frame.origin and (hop := self.tally.delivered(frame, session.jid, len(frame.stanza), now_us)):
                acktrace.written(session, hop, now_us)

    def _absent(self, frame: bus_pb2.Frame, name: str) -> None:
        if not self.moved(name):
            self.returns.give_back(frame, name, self.sessions)

    def _write(self, frame: bus_pb2.Frame, name: str, data: bytes, now_us: int, cause: int) -> bool:
        """One stanza into the outbox of one session. `cause` 0: it has none."""
        session = self.sessions.get(name)
        if session is None:
            self._absent(frame, name)
            return False
        if not session.awake:
            self.wake(session)
        # What came back was kept when it came first, under another cause.
        if cause and frame.stanza_id and not frame.returned:
            session.heard[self.cursor.source] = cause
        if not session.outbox.add(data, frame):
            # The outbox keeps the frame: it goes back to the lane when the session ends.
            LIMITS_HIT.add("outbox")
            session.link.overflow()
        hop = self.tally.delivered(frame, session.jid, len(data), now_us)
        if hop:
            acktrace.written(session, hop, now_us)
        return True

    def _series(self, frame: bus_pb2.Frame, mark: int, written: list[int], now_us: int) -> int:
        """Several messages for one session, all at once where nothing speaks against it. The highest cause seen now."""
        sizes = lengths(frame)
        cause = frame.sequence << 32 | frame.index
        last = cause + (len(sizes) - 1) * STEP
        [name] = frame.sessions
        session = self.sessions.get(name)
        if cause > mark and session is not None and session.outbox.takes(sizes):
            if not session.awake:
                self.wake(session)
            session.outbox.add_series(frame, sizes)
            self.tally.delivered_series(frame, session.jid, sizes, now_us)
            written[frame.kind] += len(sizes)
        elif last > mark:
            first = self.cursor.position
            for number, one in enumerate(expanded(frame)):
                # A series can be a repetition in part: then it was not one the first time.
                if cause + number * STEP > mark:
                    self.cursor.position = first + number
                    written[one.kind] += self._write(one, name, one.stanza, now_us, cause + number * STEP)
                else:
                    REPEATED.add()
        else:
            REPEATED.add(by=len(sizes))
        return max(mark, last)

    def _broadcast(self, frame: bus_pb2.Frame, names: Sequence[str], now_us: int) -> int:
        """One stanza into the outboxes of many sessions, each with its own `to`."""
        stanza = frame.stanza
        size = len(stanza)
        sessions = self.sessions
        wake = self.wake
        if frame.kind == bus_pb2.KIND_PRESENCE and len(names) >= CROWD_SESSIONS_MIN and self.crowd is not None:
            wake = self.crowd.waker()
        written = []
        for name, to in zip(names, frame.tos, strict=True):
            session = sessions.get(name)
            if session is None:
                self._absent(frame, name)
                continue
            if not session.awake:
                wake(session)
            if not session.outbox.add(addressed(stanza, session, to), frame):
                LIMITS_HIT.add("outbox")
                session.link.overflow()
            written.append(session.jid)
        hop = self.tally.broadcast(frame, written, size, now_us)
        if hop:
            for name in names:
                if (session := sessions.get(name)) is not None:
                    acktrace.written(session, hop, now_us)
        return len(written)

    def _remember(self, source: str, mark: int) -> None:
        if source not in self.marks and len(self.marks) >= SOURCES_MAX:
            self.marks.pop(next(iter(self.marks)))
        self.marks[source] = mark


def addressed(stanza: bytes, session: Session, to: str) -> bytes:
    """A broadcast's stanza with this recipient's `to`."""
    if to != session.jid:
        return insert_to(stanza, to)
    # Prebuilt; stanzas in frames begin with their plain name: <message …, <presence/>, <iq>.
    letter = stanza[1]
    end = 8 if letter == 0x6D else 9 if letter == 0x70 else 3
    return stanza[:end] + session.to_attribute + stanza[end:]
