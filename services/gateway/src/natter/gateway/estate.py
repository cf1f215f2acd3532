"""What another gateway has left: counts and unacknowledged stanzas, read from its checkpoint, its lane and its log.

One reader for all sessions of that gateway; it reads on while any of them may still be sent something there (ADR 0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field

from natter.bus import subjects
from natter.bus.api import Bus, BusError, Entry, Subscription
from natter.bus.kv import Bucket
from natter.bus.series import envelope_of
from natter.proto.v1 import bus_pb2

from . import former
from .backlog import envelopes, frame_for
from .checkpoint import DEPARTED

# What clients acknowledge is in checkpoints only: for sessions that are taken later than this they are read again.
FRESH_SECONDS = 5.0
# A gateway may have thousands: what is in its checkpoint is looked at in turns of about a millisecond.
SESSIONS_PER_TURN_MAX = 50
# Likewise the entries that are on their way from the bus: what has come is read in one go.
ENTRIES_IN_FLIGHT_MAX = 16


@dataclass(frozen=True, slots=True)
class Item:
    """One stanza for one session. `origin` names it wherever it is read."""

    stanza: bytes
    frame: bus_pb2.Frame
    origin: str
    place: int


@dataclass(slots=True)
class Left:
    """One session as its gateway left it."""

    # Frames up to this entry are told by places.
    start: int = 0
    counting: bool = False
    # What others send is only remembered: the gateway itself was still taking it over.
    capturing: bool = False
    # While `capturing`: where the session came from.
    former: str = ""
    former_lane: int = 0
    # And where it stands what had been said to it there.
    former_marks: int = 0
    inbound: int = 0
    acknowledged: int = 0
    items: list[Item] = field(default_factory=list)
    captured: list[Item] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    # By source, the highest cause that had been said to it when this was written down.
    marks: Mapping[str, int] = field(default_factory=dict)
    # Whoever takes what still comes.
    heir: Callable[[Item], None] | None = None

    def outgoing(self) -> list[Item]:
        """What the client has not acknowledged, in order, each once."""
        late = (item for item in self.captured if item.origin not in self.seen and not heard(self.marks, item.origin))
        return list({item.origin: item for item in (*self.items, *late)}.values())


def origin_of(source: str, frame: bus_pb2.Frame, place: int) -> str:
    """A name for one stanza's coming from one source; without a cause it is named by its place."""
    if frame.origin:
        return frame.origin
    return f"{source}:{frame.sequence}:{frame.index}" if frame.sequence else f"{source}@{place}"


def heard(marks: Mapping[str, int], origin: str) -> bool:
    """Whether the source that said what is named so has said this much: an order is kept from it to each gateway."""
    source, _, cause = origin.partition(":")
    sequence, _, index = cause.partition(":")
    return bool(sequence) and int(sequence) << 32 | int(index) <= marks.get(source, 0)


class Estate:
    """One other gateway, alive or not."""

    def __init__(self, bus: Bus, gateway: str, lane: int, heir: str, until: int = 0, *, departed: bool = True) -> None:
        self._bus = bus
        self._gateway = gateway
        self._lane = lane
        # Not 0: it is the heir's own past, and from this entry on the heir itself takes what comes.
        self._until = until
        # Whether it is wanted for sessions that have gone on from there, too: that is a minute to read.
        self.departed = departed
        # Incarnation of the gateway that reads.
        self._heir = heir
        self._log = subjects.deliver(gateway)
        self._left: dict[str, Left] = {}
        self._marks: dict[str, int] = {}
        self._read = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._counts: dict[str, int] = {}
        self._fenced: set[str] = set()
        self._fences: dict[str, asyncio.Future[None]] = {}
        self._subscriptions: list[Subscription] = []
        self._opening: asyncio.Task[None] | None = None
        # Whether it has left anything; and the entry of its lane behind which that is read.
        self.found = False
        self.lane_start = 0
        # Loop time of the first and of the last use.
        self.began = 0.0
        self.used = 0.0

    async def open(self) -> None:
        """Read the checkpoint and what follows it. Several may wait."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        try:
            await asyncio.shield(self._opening)
        except BusError:
            # Whoever tries again begins anew.
            self._opening = None
            raise

    async def close(self) -> None:
        """Read no more."""
        if self._opening is not None:
            self._opening.cancel()
        for subscription in self._subscriptions:
            await subscription.stop()
        # At once: heirs know of their estate and it of them, and such circles wait long for the collector.
        self._left.clear()
        self._counts.clear()
        self._fences.clear()

    async def _open(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()
        self._subscriptions.clear()
        values = await Bucket(self._bus, subjects.CHECKPOINTS).values(f"{self._gateway}.*")
        if not self.departed:
            values = [value for value in values if DEPARTED not in value.key]
        parts = [bus_pb2.Checkpoint.FromString(value.value) for value in values]
        self.found = bool(parts)
        if not parts:
            return
        first = min(parts, key=lambda part: part.delivered)
        self._marks = former.marks_of(first)
        self._read = first.delivered
        places: dict[str, Iterable[int]] = {}
        # What is known of a session twice, because it went and came back, is true as it was last.
        for part in sorted(parts, key=lambda part: part.delivered):
            marks = former.marks_of(part)
            for number, state in enumerate(part.sessions):
                if not number % SESSIONS_PER_TURN_MAX:
                    await asyncio.sleep(0)
                if self._until and state.since >= self._until:
                    # It is on its way to the heir, which is this gateway: that says nothing of what it was here before.
                    continue
                places[state.session] = state.places
                left = self._left[state.session] = Left(
                    part.delivered, counting=True, inbound=state.inbound, acknowledged=state.acknowledged
                )
                if state.since:
                    left.start, left.counting = state.since - 1, False
                    if state.inbound:
                        # What it says when it was adopted is older.
                        self._counts[state.session] = state.inbound
                else:
                    left.marks = marks
        await self._look_up(places)
        self.lane_start = min(part.lane_sequence for part in parts)
        start = min([self._read, *(left.start for left in self._left.values() if not left.counting)])
        self._subscriptions.append(
            await self._bus.subscribe(
                subjects.LANES,
                (subjects.lane(self._lane),),
                self._take_lane,
                start=self.lane_start + 1,
                in_flight_max=ENTRIES_IN_FLIGHT_MAX,
            )
        )
        self._subscriptions.append(
            await self._bus.subscribe(
                subjects.DELIVERIES,
                (self._log,),
                self._take,
                start=start + 1,
                in_flight_max=ENTRIES_IN_FLIGHT_MAX,
            )
        )

    async def _look_up(self, places: dict[str, Iterable[int]]) -> None:
        """The stanzas that stand at these places of the log."""
        wanted: dict[int, list[tuple[int, str]]] = {}
        order = {session: list(of_session) for session, of_session in places.items()}
        for number, (session, of_session) in enumerate(order.items()):
            if not number % SESSIONS_PER_TURN_MAX:
                await asyncio.sleep(0)
            for place in of_session:
                wanted.setdefault(place >> 16, []).append((place, session))
        found: dict[tuple[int, str], Item] = {}
        async for sequence, envelope in envelopes(self._bus, self._gateway, wanted):
            for place, session in wanted[sequence]:
                frame = envelope.frames[place & 0xFFFF]
                found[place, session] = _item(frame, session, envelope.source, place)
        for number, (session, of_session) in enumerate(order.items()):
            if not number % SESSIONS_PER_TURN_MAX:
                await asyncio.sleep(0)
            left = self._left[session]
            # The order is the session's, not always the log's: what others sent waits for CONTROL_SETTLED.
            left.items += [found[place, session] for place in of_session if (place, session) in found]
            left.seen.update(item.origin for item in left.items)

    async def tells_of(self, session: str) -> bool:
        """Whether the session was there when the last checkpoint was written, or has come since."""
        if session not in self._left:
            await self.sync()
        return session in self._left

    def known(self, session: str) -> Left | None:
        """What is known of a session so far; None: nothing that could be resumed."""
        left = self._left.get(session)
        return left if left is not None and (left.counting or left.capturing) else None

    async def marks(self, session: str) -> Mapping[str, int]:
        """What every source had surely said to it: repeated elsewhere it is nothing new. As far as the log was read."""
        left = self._left.get(session)
        if left is None:
            return {}
        if not left.marks and left.former_marks:
            # It has not settled there: what had been said where it was before.
            left.marks = await former.read(self._bus, self._gateway, left.former_marks)
        return left.marks

    def inbound(self, session: str) -> int:
        """How many stanzas of the session are durable; exact once it is fenced."""
        left = self._left.get(session)
        return self._counts.get(session, left.inbound if left is not None else 0)

    # --- the lane ---------------------------------------------------------------------------------------------------

    def fence(self, session: str) -> asyncio.Future[None]:
        """Done when this reader has seen our fence for the session."""
        future = self._fences[session] = asyncio.get_running_loop().create_future()
        return future

    def _take_lane(self, entry: Entry) -> None:
        envelope = envelope_of(entry.payload)
        source = envelope.source
        for frame in envelope.frames:
            session = frame.session
            if frame.control == bus_pb2.CONTROL_FENCE:
                # It counts nothing, though it may be this gateway's own, for one that the session was at before.
                if frame.gateway == self._gateway:
                    self._fenced.add(session)
                    fence = self._fences.get(session) if source == self._heir else None
                    if fence is not None and not fence.done():
                        fence.set_result(None)
            elif source == self._gateway and session and not frame.returned:
                if frame.gateway:
                    # It has come (back) to that gateway.
                    self._fenced.discard(session)
                if session not in self._fenced and not frame.ended:
                    self._counts[session] = frame.inbound

    # --- the delivery log -------------------------------------------------------------------------------------------

    async def sync(self) -> None:
        """Return when everything that is in the log now has been read."""
        last = await self._bus.last(subjects.DELIVERIES, self._log)
        if last is not None and last.sequence > self._read:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((last.sequence, future))
            await future

    def _take(self, entry: Entry) -> None:
        if not self._until or entry.sequence < self._until:
            self._take_frames(entry)
        self._read = max(self._read, entry.sequence)
        if self._waiting:
            for sequence, future in self._waiting:
                if sequence <= self._read and not future.done():
                    future.set_result(None)
            self._waiting = [(sequence, future) for sequence, future in self._waiting if not future.done()]

    def _take_frames(self, entry: Entry) -> None:
        envelope = envelope_of(entry.payload)
        source = envelope.source
        again = entry.sequence <= self._read
        for position, frame in enumerate(envelope.frames):
            place = entry.sequence << 16 | position
            if frame.sequence and source != self._gateway:
                cause = frame.sequence << 32 | frame.index
                repeated = cause <= self._marks.get(source, 0)
                if not repeated:
                    self._marks[source] = cause
            else:
                repeated = False
            if frame.control:
                self._control(frame, entry.sequence)
                continue
            for session in frame.sessions:
                left = self._left.get(session)
                if left is not None and entry.sequence > left.start:
                    self._add(left, frame, session, source, place, repeated and not again)

    def _add(self, left: Left, frame: bus_pb2.Frame, session: str, source: str, place: int, repeated: bool) -> None:
        item = _item(frame, session, source, place)
        if left.heir is not None:
            left.heir(item)
        elif source == self._gateway:
            if left.counting:
                left.seen.add(item.origin)
                left.items.append(item)
        elif repeated or item.origin in left.seen:
            return
        elif left.capturing:
            left.captured.append(item)
        elif left.counting:
            left.seen.add(item.origin)
            left.items.append(item)

    def _control(self, frame: bus_pb2.Frame, sequence: int) -> None:
        if not frame.sessions:
            return
        session = frame.sessions[0]
        known = self._left.get(session)
        if known is not None and sequence <= known.start:
            # The checkpoint is younger; it is read for another session's sake.
            return
        if frame.control == bus_pb2.CONTROL_ARRIVING:
            self._left[session] = Left(
                sequence - 1,
                capturing=True,
                former=frame.gateway,
                former_lane=frame.position,
                former_marks=frame.former,
            )
        elif frame.control == bus_pb2.CONTROL_ADOPTED:
            left = self._left.get(session)
            if left is None or left.counting:
                left = self._left[session] = Left(sequence - 1)
                if sequence > self._read:
                    # A new session: it can only have heard what was said here.
                    left.marks = dict(self._marks)
            left.counting = True
            left.inbound, left.acknowledged = frame.inbound, frame.outbound
        elif frame.control == bus_pb2.CONTROL_SETTLED and (settled := self._left.get(session)) is not None:
            late = [item for item in settled.captured if item.place >> 16 > frame.position]
            settled.items += late
            settled.seen.update(item.origin for item in settled.captured)
            settled.captured, settled.capturing = [], False


class Estates:
    """Those that are read now, several of one gateway where its sessions were taken at different times."""

    def __init__(self, bus: Bus, heir: str, now: Callable[[], float]) -> None:
        self._bus = bus
        self._heir = heir
        self._now = now
        # By gateway, the one that further sessions come from; of the past of this one by where it ends.
        self._open: dict[tuple[str, int, bool], Estate] = {}
        self._older: list[Estate] = []

    def of(self, gateway: str, lane: int, since: int = 0, *, departed: bool = False) -> Estate:
        """What this gateway leaves, as it is now; of the heir itself what it had left before the entry `since`.

        `departed`: of sessions that are not there any more, too.
        """
        now = self._now()
        until = since if gateway == self._heir else 0
        departed = departed or bool(until)
        name = gateway, until, departed
        estate = self._open.get(name)
        if estate is None or now - estate.began > FRESH_SECONDS:
            if estate is not None:
                self._older.append(estate)
            estate = self._open[name] = Estate(self._bus, gateway, lane, self._heir, until, departed=departed)
            estate.began = now
        estate.used = now
        return estate

    def forget(self, busy: Container[Estate], seconds: float) -> list[Estate]:
        """Those that are not busy and were not used for so long; the caller closes them."""
        before = self._now() - seconds
        idle = [
            estate for estate in (*self._open.values(), *self._older) if estate not in busy and estate.used < before
        ]
        self._open = {name: estate for name, estate in self._open.items() if estate not in idle}
        self._older = [estate for estate in self._older if estate not in idle]
        return idle

    async def close(self) -> None:
        """Read no more."""
        for estate in (*self._open.values(), *self._older):
            await estate.close()


def _item(frame: bus_pb2.Frame, session: str, source: str, place: int) -> Item:
    """A frame as one session gets it."""
    own = frame_for(frame, session)
    return Item(own.stanza, own, origin_of(source, frame, place), place)
