"""Taking sessions over from another gateway, alive, frozen or dead, and nobody notices (ADR 0006)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import BusError, Unavailable
from natter.bus.directory import Session as Record
from natter.bus.removal import removed_since
from natter.bus.sender import Senders
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import LIMITS_HIT, REPEATED, SESSIONS, SESSIONS_TAKEN_OVER
from natter.xmpp.jid import local_of

from . import claim, resumption
from .arrival import Arrival
from .estate import Estate, Estates, Item, Left, heard, origin_of
from .former import Former
from .session import ROOMS_UNKNOWN, Announcement, Managed, Session
from .unacked import Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

# How long routers and services may go on sending to the old gateway: their replica of the directory lags.
SETTLE_SECONDS = 10.0
# A lane whose router died is held again after the lease; in doubt the session goes on.
ROUTED_SECONDS_MAX = 5.0
ROUNDS_MAX = 5
ROUND_SECONDS = 0.05
RETRY_SECONDS = 0.5
# Gateways that may have taken a session over, one from the other, without one of them having settled.
FORMER_MAX = 4


class Takeovers:
    """What this gateway takes over."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._estates = Estates(gateway.bus, gateway.incarnation, gateway.loop.time)
        self._former = Former(gateway.bus, gateway.incarnation)
        self._arrivals: dict[str, Arrival] = {}
        self._fences = Senders(gateway.bus, gateway.incarnation, f"{gateway.incarnation}.fence")

    def since(self, session: str) -> int:
        """Where to read a session from that is still arriving; 0 for any other."""
        arrival = self._arrivals.get(session)
        return arrival.since if arrival is not None else 0

    def arriving(self) -> list[Session]:
        """Sessions that may have to be read from our log before anything else tells of them."""
        return [arrival.session for arrival in self._arrivals.values() if arrival.since]

    def forget(self, session: Session) -> None:
        """The session is over, or elsewhere."""
        arrival = self._arrivals.get(session.id)
        if arrival is not None and arrival.session is session:
            del self._arrivals[session.id]
            arrival.estates = []
            arrival.opened.clear()
            arrival.adopted.set()

    async def find(self, bare: str, id: str) -> Session | None:
        """The session of this account that has this hash, taken over if it is elsewhere. Raises `BusError`."""
        directory = self._gateway.binding.directory
        for round_ in range(ROUNDS_MAX):
            here = self._gateway.resumable.get(id)
            if here is not None:
                return here if here.bare == bare and not here.over else None
            record = directory.by_resumption(id)
            if record is None and not round_:
                # The replica may lag behind a session that has just begun.
                await directory.sync()
                continue
            if record is None or record.bare != bare:
                return None
            if self._gateway.removals.gone(local_of(bare), record.account):
                return None
            arrival = self._arrivals.get(record.session)
            if arrival is not None:
                await arrival.adopted.wait()
                continue
            if record.gateway != self._gateway.incarnation:
                taken = await self.take(record) if await claim.settled(self._gateway, record) else None
                if taken is not None:
                    return taken
            elif id in self._gateway.expired:
                # It is over; its record is on the way out.
                return None
            # It is on its way to another gateway, or over: the directory tells, and the replica must not lag behind it.
            await asyncio.sleep(ROUND_SECONDS)
            await directory.sync()
        raise Unavailable("the session is moving")

    async def bring(self, record: Record) -> None:
        """The session is here afterwards, or is not to be had. Raises `BusError`."""
        arrival = self._arrivals.get(record.session)
        if arrival is not None:
            await arrival.adopted.wait()
        elif record.gateway != self._gateway.incarnation:
            if not await claim.settled(self._gateway, record):
                raise Unavailable("the session is moving")
            await self.take(record)

    async def take(self, record: Record) -> Session | None:
        """The session of another gateway's record, detached, here. None: it is not to be had (any more)."""
        gateway = self._gateway
        # XEP-0077 §3.2: a removed account has no sessions, nor has who takes its name.
        if await removed_since(gateway.bus, local_of(record.bare), record.account):
            return None
        # No await behind this: its client and this gateway as an heir may want it at the same time.
        if record.session in gateway.sessions or record.session in gateway.binding.claims:
            return None
        arrival = self._expect(record)
        session = arrival.session
        try:
            await self._look_back(arrival, record)
            if not await self._claim(arrival, record):
                self._give_up(session)
                return None
        except Exception:
            # Not when cancelled: this gateway ends, and the record may name it by now.
            self._give_up(session)
            raise
        left = await self._inherit_at_last(arrival, record)
        if session.over:
            return None
        if left is None:
            log.warning("a session was taken over and nothing is known of it")
            session.outbox = Unacked(0, 0, 1)
            gateway.leave(session)
            return None
        await self._adopt(arrival, left)
        gateway.spawn(claim.arrived(gateway, session, arrival.fenced))
        SESSIONS_TAKEN_OVER.add()
        return session if not session.over else None

    # --- step by step -----------------------------------------------------------------------------------------------

    def _expect(self, record: Record) -> Arrival:
        """Be ready for what comes from the moment that the directory names this gateway."""
        gateway = self._gateway
        settings = gateway.settings
        outbox = Unacked(
            settings.unacked_bytes_max,
            settings.unacked_stanzas_max,
            settings.ask_stanzas,
            gateway.cursor,
            settings.backlog_stanzas_max,
        )
        outbox.attached = False
        nowhere = resumption.Nowhere(gateway, record.session)
        session = Session(record.session, record.jid, record.bare, record, nowhere, outbox)
        session.managed = Managed(record.resumption, record.resume_seconds)
        session.rooms = ROOMS_UNKNOWN
        session.announced = Announcement(record.available, record.priority, record.carbons, record.blocklist)
        arrival = self._arrivals[session.id] = Arrival(session)
        cursor = gateway.cursor

        def capture(stanza: bytes, frame: bus_pb2.Frame) -> None:
            origin = origin_of(cursor.source, frame, cursor.place)
            if heard(arrival.marks, origin):
                # Its holder before had said it to the old gateway; the client may have acknowledged it long ago.
                REPEATED.add()
                return
            own = bus_pb2.Frame()
            own.CopyFrom(frame)
            own.stanza = stanza
            own.sessions[:] = [session.id]
            del own.tos[:]
            arrival.held.append(Item(stanza, own, origin, cursor.place))
            self._look(arrival)

        outbox.capture = capture
        gateway.binding.claims.add(session.id)
        gateway.sessions[session.id] = session
        SESSIONS.set(len(gateway.sessions))
        return arrival

    async def _look_back(self, arrival: Arrival, record: Record) -> None:
        """Before the claim: from then on sources may say something here that the old gateway has never read."""
        estate = self._estates.of(record.gateway, record.lane)
        await estate.open()
        if not estate.found:
            return
        try:
            async with asyncio.timeout(ROUTED_SECONDS_MAX):
                await estate.sync()
        except TimeoutError:
            raise Unavailable("the log of another gateway cannot be read") from None
        arrival.marks = await estate.marks(record.session)
        arrival.former = await self._former.write(arrival.marks)

    def _give_up(self, session: Session) -> None:
        gateway = self._gateway
        self.forget(session)
        gateway.sessions.pop(session.id, None)
        gateway.binding.claims.discard(session.id)
        session.over = True

    async def _claim(self, arrival: Arrival, record: Record) -> bool:
        """From here on the directory names this gateway, if nobody else was faster."""
        gateway = self._gateway
        stored = asyncio.Event()
        # A checkpoint may be written when this has been read and we do not know yet where it stands.
        arrival.since = max(gateway.cursor.sequence, gateway.own.last_sequence) + 1
        gateway.note(
            bus_pb2.Frame(
                control=bus_pb2.CONTROL_ARRIVING,
                sessions=[record.session],
                gateway=record.gateway,
                position=record.lane,
                former=arrival.former,
            ),
            stored.set,
        )
        await stored.wait()
        return await claim.claim(gateway, arrival.session, record)

    async def _inherit_at_last(self, arrival: Arrival, record: Record) -> Left | None:
        """The session is ours: whatever the bus does, it is not left half taken."""
        while not arrival.session.over:
            try:
                return await self._inherit(arrival, record)
            except BusError as error:
                log.warning("what a gateway has left cannot be read: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
        return None

    async def _inherit(self, arrival: Arrival, record: Record, way: tuple[str, ...] = ()) -> Left | None:
        """Everything that the old gateway leaves, fenced, so that nothing is added to it."""
        arrival.routed.clear()
        estate = await self._opened(arrival, record)
        # Over: it has moved on, and may even be back, and what it says here must not end up behind a fence of its past.
        if not estate.found or arrival.session.over:
            return None
        fence = await self._fence(arrival, estate, record)
        if not fence:
            return None
        try:
            async with asyncio.timeout(ROUTED_SECONDS_MAX):
                # RFC 6120 §10.1: what it sends from here must not pass what it has sent from there.
                await arrival.routed.wait()
        except TimeoutError:
            LIMITS_HIT.add("routed")
        # What it had been sent, and what routing has brought for the session itself, however long that takes.
        while not arrival.session.over:
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUTED_SECONDS_MAX):
                    await estate.sync()
                    break
        if not way:
            arrival.fenced = {
                "fenced_gateway": record.gateway,
                "fenced_lane": record.lane,
                "fenced_sequence": fence,
            }
        arrival.inbound = estate.inbound(record.session)
        left = estate.known(record.session)
        if left is not None:
            left.marks = arrival.marks
        if left is None or not left.capturing or not left.former:
            return left
        return await self._inherit_former(arrival, record, left, (*way, record.gateway))

    async def _opened(self, arrival: Arrival, record: Record) -> Estate:
        """What the record's gateway leaves of the session; `arrival.estates` from then on."""
        # The same one when this is tried again: what it has read so far is not read again.
        estate = arrival.opened.get(record.gateway) or self._estates.of(record.gateway, record.lane, arrival.since)
        for _ in range(2):
            arrival.opened[record.gateway] = estate
            arrival.estates = [estate]
            await estate.open()
            if estate.departed or (estate.found and await estate.tells_of(record.session)):
                break
            # It has gone on from there, to whoever has died since or to this gateway while it was slow.
            estate = self._estates.of(record.gateway, record.lane, arrival.since, departed=True)
        return estate

    async def _fence(self, arrival: Arrival, estate: Estate, record: Record) -> int:
        """Where the fence stands, once everything before it was read, however long that takes; 0: it never will be."""
        at: asyncio.Future[int] = self._gateway.loop.create_future()
        fences = self._fences.to(subjects.lane(record.lane))
        fenced = estate.fence(record.session)
        frame = bus_pb2.Frame(control=bus_pb2.CONTROL_FENCE, session=record.session, gateway=record.gateway)

        def stored() -> None:
            if not at.done():
                at.set_result(fences.last_sequence)

        fences.add(frame, stored)
        while not arrival.session.over:
            try:
                async with asyncio.timeout(ROUTED_SECONDS_MAX):
                    await asyncio.shield(fenced)
                    return await asyncio.shield(at)
            except TimeoutError:
                # The lane takes nothing now, or there is much to read. Or the lane (kept in memory) was lost, and has
                # begun again.
                if at.done() and at.result() <= estate.lane_start:
                    return 0
                log.warning("what a gateway has left is not read yet", extra={"subject": fences.subject})
        return 0

    async def _inherit_former(self, arrival: Arrival, record: Record, left: Left, way: tuple[str, ...]) -> Left | None:
        """The old gateway was still taking the session over itself: what the one before it has left counts, too.

        `way`: the gateways asked so far, newest first. One that was asked knows no more when it is asked again.
        """
        if left.former in way or len(way) > FORMER_MAX:
            return left if left.counting else None
        estates = arrival.estates
        former = replace(record, gateway=left.former, lane=left.former_lane)
        inbound = arrival.inbound
        older = await self._inherit(arrival, former, way)
        arrival.estates += estates
        if left.counting:
            # It had everything up to then; what comes late is not in its log.
            arrival.inbound = inbound
            if older is not None:
                left.items += [item for item in older.outgoing() if item.origin not in left.seen]
                left.seen.update(item.origin for item in left.items)
                older.heir = lambda item: self._late(arrival, item)
            return left
        if older is None:
            return None
        # It had said nothing yet: the session is as the one before has left it.
        older.captured += left.captured
        older.items, older.captured = older.outgoing(), []
        older.seen.update(item.origin for item in older.items)
        left.heir = lambda item: self._late(arrival, item)
        return older

    async def _adopt(self, arrival: Arrival, left: Left) -> None:
        """Write it all into this gateway's own log, and wait until it has been read there."""
        gateway = self._gateway
        session = arrival.session
        stored = asyncio.Event()
        session.inbound = arrival.inbound
        # No await from here on: nothing comes between.
        outgoing = left.outgoing()
        left.items, left.captured = [], []
        arrival.seen = {item.origin for item in outgoing} | left.seen
        arrival.outbound = left.acknowledged
        left.heir = lambda item: self._late(arrival, item)
        gateway.counted(session, stored.set, arrived=True)
        gateway.note(
            bus_pb2.Frame(
                control=bus_pb2.CONTROL_ADOPTED,
                sessions=[session.id],
                inbound=arrival.inbound,
                outbound=left.acknowledged,
                gateway=gateway.incarnation,
            )
        )
        for item in outgoing:
            self._forward(arrival, item)
        # More than one envelope, perhaps: nobody resumes half a session.
        gateway.note(bus_pb2.Frame(control=bus_pb2.CONTROL_COMPLETE, sessions=[session.id]))
        self._look(arrival)
        gateway.loop.call_later(SETTLE_SECONDS, self._settle, arrival)
        await stored.wait()
        await arrival.adopted.wait()

    def _forward(self, arrival: Arrival, item: Item) -> None:
        """Into our own log, behind everything that was forwarded before."""
        frame = item.frame
        frame.sequence = frame.index = 0
        frame.origin = item.origin
        self._gateway.note(frame)

    def _late(self, arrival: Arrival, item: Item) -> None:
        """Something more came to the old gateway."""
        if arrival.new(item):
            arrival.seen.add(item.origin)
            self._forward(arrival, item)

    def _look(self, arrival: Arrival) -> None:
        """What came here waits until all that went there before has been read."""
        if arrival.looking or arrival.settled or not arrival.held:
            return
        arrival.looking = True
        self._gateway.spawn(self._release(arrival))

    async def _release(self, arrival: Arrival) -> None:
        try:
            while not arrival.adopted.is_set() and not arrival.session.over:
                # Adopted first: it stands before everything in the log.
                try:
                    async with asyncio.timeout(ROUTED_SECONDS_MAX):
                        await arrival.adopted.wait()
                except TimeoutError:
                    continue
            while arrival.held and not arrival.session.over:
                held, arrival.held = arrival.held, []
                try:
                    for estate in arrival.estates:
                        await estate.sync()
                except BusError:
                    arrival.held[:0] = held
                    await asyncio.sleep(ROUND_SECONDS)
                    continue
                for item in held:
                    self._late(arrival, item)
                if arrival.settling:
                    # An entry is taken whole: what is held by now stands in later ones.
                    self._say_settled(arrival, held[-1].place >> 16)
                    return
        finally:
            arrival.looking = False

    def _settle(self, arrival: Arrival) -> None:
        """Everybody knows by now where the session is."""
        session = arrival.session
        if session.over or self._arrivals.get(session.id) is not arrival:
            self.forget(session)
        elif arrival.held or arrival.looking:
            # Behind what is being forwarded.
            arrival.settling = True
        else:
            self._say_settled(arrival, self._gateway.cursor.sequence)

    def _say_settled(self, arrival: Arrival, position: int) -> None:
        arrival.settled = True
        frame = bus_pb2.Frame(control=bus_pb2.CONTROL_SETTLED, sessions=[arrival.session.id], position=position)
        self._gateway.note(frame)

    def control(self, frame: bus_pb2.Frame) -> None:
        """A frame of the delivery log that says something about an arrival."""
        name = frame.session or (frame.sessions[0] if frame.sessions else "")
        arrival = self._arrivals.get(name)
        if arrival is None:
            return
        if frame.control == bus_pb2.CONTROL_FENCED:
            arrival.routed.set()
        elif frame.control == bus_pb2.CONTROL_ADOPTED:
            self._adopted(arrival)
        elif frame.control == bus_pb2.CONTROL_COMPLETE:
            self._complete(arrival)
        elif frame.control == bus_pb2.CONTROL_SETTLED:
            self._settled(arrival, frame.position)

    def _adopted(self, arrival: Arrival) -> None:
        session = arrival.session
        outbox, managed = session.outbox, session.managed
        assert isinstance(outbox, Unacked) and managed is not None
        outbox.acknowledged = arrival.outbound
        managed.durable = managed.told = arrival.inbound

    def _complete(self, arrival: Arrival) -> None:
        session = arrival.session
        managed = session.managed
        assert managed is not None
        self._gateway.resumable[managed.id] = session
        managed.expiry = self._gateway.loop.call_later(
            managed.resume_seconds, resumption.expire, self._gateway, session
        )
        arrival.adopted.set()

    def _settled(self, arrival: Arrival, position: int) -> None:
        session = arrival.session
        outbox = session.outbox
        del self._arrivals[session.id]
        if not isinstance(outbox, Unacked):
            return
        outbox.capture = None
        arrival.estates = []
        arrival.opened.clear()
        # What came between our saying so and our reading it stands here.
        for item in arrival.held:
            if item.place >> 16 > position and arrival.new(item):
                outbox.append(item.stanza, item.frame, item.place)
        arrival.held.clear()
        if not session.awake:
            self._gateway.wake(session)

    # --- time and the end -------------------------------------------------------------------------------------------

    def expect_no_more(self) -> None:
        """Let go of estates that nobody has used for long."""
        busy = {estate for a in self._arrivals.values() for estate in (*a.estates, *a.opened.values())}
        for estate in self._estates.forget(busy, 2 * SETTLE_SECONDS):
            self._gateway.spawn(estate.close())

    async def forget_former(self) -> None:
        """Delete what was written for arrivals that have settled. `BusError`."""
        await self._former.forget({a.former for a in self._arrivals.values()}, self._gateway.loop.time())

    async def close(self) -> None:
        """Read no more of what others have left."""
        await self._estates.close()
        await self._fences.close()
