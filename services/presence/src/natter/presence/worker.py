"""A user shard at work: users' frames in order, rosters committed in groups, then everything else.

A frame is finished when all that follows from it is stored, in this order: events in the user's journal; frames for
gateways and other shards; availability records and logouts. A holder that is killed anywhere between leaves a successor
who does it again from the last finished entry: what the journal has is not decided again but said again, what it lacks
is decided anew, and a session is announced until its record says that it was.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from natter.bus.api import BusError, Entry
from natter.bus.journal import Journal
from natter.bus.sender import Senders
from natter.bus.shard import Shard
from natter.proto.v1 import bus_pb2, roster_pb2
from natter.telemetry import names

from . import spans
from .arrivals import Arrivals
from .handlers import Work, receive, vanished
from .last_values import LastValues
from .model import codec
from .model.codec import Cause
from .model.decide import blocking
from .model.decide.removed import REMOVED, TOLD
from .model.effects import NOTHING, Command, Decision, Policy
from .model.events import RosterForgotten
from .model.fold import fold
from .model.roster import BATCH_EVENTS_MAX, version_of
from .model.user import Change, LoggedOut, Logout, LogoutForgotten, Session, SessionChanged, SessionEnded, User
from .outputs import Outputs
from .pipeline import decide
from .residents import KIND, Resident, Residents

log = logging.getLogger(__name__)

RETRY_SECONDS_MAX = 2.0
# One journal entry: at most so many bytes, and one decision's events on top.
BATCH_BYTES_MAX = 256 * 1024
DECISION_EVENTS_MAX = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one shard may hold in memory before it takes no more, and how often it writes snapshots."""

    frames_waiting_max: int = 4096
    bytes_waiting_max: int = 16 << 20
    snapshot_events: int = 100


@dataclass(slots=True)
class Tools:
    """What a worker works with."""

    residents: Residents
    journal: Journal
    senders: Senders
    outputs: Outputs
    arrivals: Arrivals
    availability: LastValues
    logouts: LastValues
    policy: Policy
    now_us: Callable[[], int]
    # Told of a session that becomes known and is in no directory.
    absent: Callable[[Session], None]
    # Entries up to here may have been worked on before.
    repeated_until: int = 0
    keep_words: bool = True


class ShardWorker:
    """The `Worker` of one user shard."""

    def __init__(
        self, shard: Shard, tools: Tools, bounds: Bounds, *, on_close: Callable[[ShardWorker], None] | None = None
    ) -> None:
        self._on_close = on_close
        self._shard = shard
        self._tools = tools
        self._bounds = bounds
        # Per user what waits, first to last; a user who is here is at work or has a task.
        self._queues: dict[str, deque[Work]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._snapshots: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    def take(self, entry: Entry) -> None:
        """One entry of the shard's log."""
        receive(self._shard, entry, self._enqueue)

    def full(self) -> bool:
        """Whether more should stay on the bus."""
        if self._waiting >= self._bounds.frames_waiting_max:
            return True
        return self._tools.senders.waiting_bytes >= self._bounds.bytes_waiting_max

    def session(self, full: str) -> Session | None:
        """What is known of a session."""
        return self._tools.residents.session(full)

    def sessions(self) -> list[Session]:
        """All sessions that are known."""
        return self._tools.residents.sessions()

    def vanish(self, session: Session) -> None:
        """The session is gone from the directory."""
        if not self._closed:
            self._enqueue(vanished(session, self._tools.now_us()))

    def blocked(self, user: str, blocked: frozenset[str], freed: frozenset[str]) -> None:
        """Somebody's blocklist has changed."""
        if not self._closed:
            self._enqueue(Work(user, blocking.frame_of(user, blocked, freed)))

    async def close(self) -> None:
        """Stop, and give up what is not stored: the next holder repeats it."""
        self._closed = True
        if self._on_close is not None:
            self._on_close(self)
        tasks = [*self._tasks.values(), *self._snapshots]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._tools.senders.close()
        await self._tools.availability.close()
        await self._tools.logouts.close()

    def _enqueue(self, work: Work) -> None:
        self._waiting += 1
        queue = self._queues.get(work.user)
        if queue is not None:
            queue.append(work)
            return
        self._queues[work.user] = deque((work,))
        wait = self._advance(work.user)
        if wait is not None:
            self._tasks[work.user] = asyncio.create_task(self._run(work.user, wait))

    async def _run(self, jid: str, wait: Awaitable[None] | None) -> None:
        """Go on with a user whose work has to wait for something."""
        try:
            while wait is not None:
                await wait
                wait = self._advance(jid)
        except BusError as error:
            # Fenced, or the bus was away for long: from the saved position again.
            log.warning("%s: a roster could not be written: %r", self._shard.name, error)
            self._shard.restart()
        except Exception:
            log.exception("%s: a user's work failed", self._shard.name)
            self._shard.restart()
        finally:
            self._tasks.pop(jid, None)

    def _advance(self, jid: str) -> Awaitable[None] | None:
        """Work on what waits for a user until it is done (None), or until there is something to await."""
        queue = self._queues[jid]
        tools = self._tools
        while queue:
            resident = tools.residents.get(jid)
            if resident is None:
                return self._load(jid)
            work = queue[0]
            if not work.waited and (name := tools.arrivals.missing(work.frame, tools.now_us())):
                work.waited = True
                return tools.arrivals.wait(name)
            decision = self._decide(resident, resident.user, work)
            if decision.events:
                return self._commit(resident, queue, decision)
            queue.popleft()
            self._waiting -= 1
            self._settle(resident, work, decision, resident.user.roster.version)
        del self._queues[jid]
        if (resident := tools.residents.get(jid)) is not None and not resident.user.exists:
            # He may come into being.
            tools.residents.forget(jid)
        tools.residents.trim(self._queues)
        return None

    async def _load(self, jid: str) -> None:
        pause = 0.05
        while True:
            try:
                await self._tools.residents.load(jid)
                return
            except BusError as error:
                log.debug("%s: a user could not be read: %r", self._shard.name, error)
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(RETRY_SECONDS_MAX, pause * 2)

    def _decide(self, resident: Resident, user: User, work: Work) -> Decision:
        tools = self._tools
        key = self._cause(work).key
        applied = (
            0 < work.sequence <= tools.repeated_until
            # A watermark above everything in the log is of another log.
            and key <= resident.applied.get(self._shard.name, 0) <= Cause("", tools.repeated_until + 1, 0).key
        )
        if tools.arrivals.stale(work.frame) and not work.frame.ended:
            # Its resource is somebody else's by now, and nobody is left to hear the answer.
            return NOTHING
        gone = user.roster.forgotten
        speaks = gone.removal and work.frame.session and not work.frame.ended
        if speaks and tools.arrivals.outlived(work.frame, gone.removal, gone.time_us):
            # Its account is gone, and what it asks for must not reach the next user of the name.
            return NOTHING
        try:
            decision = decide(user, Command(work.frame, tools.now_us(), applied), tools.policy)
        except Exception:
            # Ours, not the peer's: said and counted, and the user's other work goes on.
            log.exception("%s: a frame could not be decided", self._shard.name)
            names.POISON.add("SHARDS")
            return NOTHING
        if decision.limit:
            names.PRESENCE_LIMITS.add(decision.limit)
        return decision

    def _cause(self, work: Work) -> Cause:
        return Cause(self._shard.name, work.sequence, work.index)

    async def _commit(self, resident: Resident, queue: deque[Work], first: Decision) -> None:
        """Append the events of all that waits as one entry, then do what follows."""
        batch, events = self._gather(resident, queue, first)
        revision = await self._tools.journal.append(
            KIND, resident.user.jid, codec.encode(events), expected=resident.revision
        )
        resident.revision = revision
        applied = Cause("", events[-1].sequence, events[-1].index).key
        resident.applied = {self._shard.name: max(applied, resident.applied.get(self._shard.name, 0))}
        resident.events_since_snapshot += len(events)
        index = 0
        for work, decision in batch:
            self._waiting -= 1
            self._settle(resident, work, decision, version_of(revision, index))
            index += len(decision.events)
        removed = any(isinstance(event, RosterForgotten) for event in batch[-1][1].events)
        if removed:
            # Whether there is an account is asked again.
            self._tools.residents.forget(resident.user.jid)
        if removed or resident.events_since_snapshot >= self._bounds.snapshot_events:
            task = asyncio.create_task(self._snapshot(resident))
            self._snapshots.add(task)
            task.add_done_callback(self._snapshots.discard)

    def _gather(
        self, resident: Resident, queue: deque[Work], first: Decision
    ) -> tuple[list[tuple[Work, Decision]], list[roster_pb2.RosterEvent]]:
        """Decide on what waits as long as it may share the journal entry of `first`."""
        batch: list[tuple[Work, Decision]] = []
        events: list[roster_pb2.RosterEvent] = []
        user, decision, size = resident.user, first, 0
        while True:
            work = queue.popleft()
            batch.append((work, decision))
            # A version above all others, until the revision is known.
            user = fold(user, decision.events, decision.changes, version_of(resident.revision + 1, len(events)))
            for event in decision.events:
                events.append(codec.write(event, self._cause(work)))
                size += events[-1].ByteSize()
            if any(isinstance(event, RosterForgotten) for event in decision.events):
                # What comes behind is another user's, if there is one.
                return batch, events
            if not queue or len(events) >= BATCH_EVENTS_MAX - DECISION_EVENTS_MAX or size >= BATCH_BYTES_MAX:
                return batch, events
            frame = queue[0].frame
            # What shows a version waits for the true one; who waits for the directory comes behind.
            if frame.type == "get" or self._tools.arrivals.missing(frame, self._tools.now_us()):
                return batch, events
            decision = self._decide(resident, user, queue[0])

    async def _snapshot(self, resident: Resident) -> None:
        try:
            await self._tools.residents.snapshot(resident)
        except BusError as error:
            log.debug("%s: no snapshot this time: %r", self._shard.name, error)

    def _settle(self, resident: Resident, work: Work, decision: Decision, version: int) -> None:
        """The decision holds: the user is changed, frames leave, and records follow when those are stored."""
        tools = self._tools
        if decision.events or decision.changes:
            tools.residents.keep(resident, fold(resident.user, decision.events, decision.changes, version))
        names.PRESENCE_FRAMES.add(spans.label(work.frame))
        traceparent = spans.processed(work.frame, tools.now_us())
        for change in decision.changes:
            if isinstance(change, SessionChanged) and not tools.arrivals.here(change.session.session):
                tools.absent(change.session)
        work.changes = decision.changes
        work.removal = work.frame.type == REMOVED and bool(decision.events or decision.effects)
        work.outputs = 1
        for subject, frame in tools.outputs.frames(decision.effects, resident.user, work.frame, traceparent):
            self._send(work, subject, frame)
        self._stored(work)

    def _send(self, work: Work, subject: str, frame: bus_pb2.Frame) -> None:
        work.outputs += 1
        try:
            self._tools.senders.add(subject, frame, partial(self._stored, work))
        except ValueError:
            log.error("%s: a frame above what NATS takes was dropped", self._shard.name)
            names.PRESENCE_LIMITS.add("frame")
            work.outputs -= 1

    def _stored(self, work: Work) -> None:
        work.outputs -= 1
        if work.outputs or self._closed:
            return
        changes, work.changes = work.changes, ()
        if changes:
            work.outputs = len(changes)
            for change in changes:
                self._record(work, change)
        else:
            if work.removal:
                self._enqueue(said(work))
            if work.sequence:
                self._shard.progress.done(work.sequence)

    def _record(self, work: Work, change: Change) -> None:
        stored = partial(self._stored, work)
        match change:
            case SessionChanged(session=session):
                self._tools.availability.put(session.jid, codec.encode_session(session), stored)
            case SessionEnded(jid=jid):
                self._tools.availability.put(jid, b"", stored)
            case LoggedOut(logout=logout):
                kept = logout if self._tools.keep_words else Logout(logout.time_us)
                self._tools.logouts.put(work.user, codec.encode_logout(work.user, kept), stored)
            case LogoutForgotten():
                self._tools.logouts.put(work.user, b"", stored)
            case _:
                assert_never(change)


def said(work: Work) -> Work:
    """A removal is told to everybody whom it concerns."""
    frame = bus_pb2.Frame(kind=work.frame.kind, type=TOLD, to=work.user, sequence=work.frame.sequence)
    return Work(work.user, frame)
