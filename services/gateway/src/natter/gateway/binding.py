"""Binding and releasing resources: the directory's records of this gateway's sessions."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field, replace
from time import time_ns
from typing import Protocol

from natter.bus.api import BusError, WrongRevision
from natter.bus.directory import Directory
from natter.bus.directory import Session as Record
from natter.bus.last_word import last_word
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import LIMITS_HIT
from natter.xmpp import jid
from natter.xmpp.element import attr_escape

from .returns import Returns
from .session import Announcement, Held, Session

# Taking a full JID over from another session races with that session's own writes: a few rounds settle it.
ROUNDS_MAX = 10
ROUND_SECONDS = 0.02
RETRY_SECONDS = 0.25
RETRY_SECONDS_MAX = 2.0


class Refused(Exception):
    """The resource cannot be bound; the stanza error's condition."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


class Lane(Protocol):
    """The part of `natter.bus.sender.Sender` that is used here."""

    def add(self, frame: bus_pb2.Frame, stored: Callable[[], None] | None = None) -> None:
        """Append a frame."""

    def when_stored(self, callback: Callable[[], None]) -> None:
        """Call back when everything added so far is stored."""


async def nothing(session: Session) -> AsyncIterator[list[bus_pb2.Frame]]:
    """No session has more than its outbox holds."""
    return
    yield


@dataclass(slots=True)
class Binding:
    """Everything this gateway writes to the directory."""

    directory: Directory
    lane: Lane
    returns: Returns
    incarnation: str
    resources_max: int
    # Sessions of this gateway by id.
    sessions: Mapping[str, Session]
    # Bindings under way, by bare JID: they count towards the limit.
    pending: Counter[str] = field(default_factory=Counter)
    lane_number: int = 0
    # Told of a session that has moved to another gateway.
    moved: Callable[[Session], None] = field(default=lambda _: None)
    # Ids of sessions from binding to the end of their release: a record of this gateway with another id is a stray.
    claims: set[str] = field(default_factory=set)
    releasing: set[asyncio.Task[None]] = field(default_factory=set)
    # What a session was owed beyond what its outbox holds, a part at a time.
    rest: Callable[[Session], AsyncIterator[list[bus_pb2.Frame]]] = field(default=nothing)

    async def bind(self, bare: str, wanted: str, *, account: int = 0) -> Record:
        """The record of a new session with the resource `wanted`, or one made here for "". Raises `Refused`."""
        if wanted:
            try:
                wanted = jid.resource(wanted)
            except jid.JIDError:
                # RFC 6120 §7.7.2.1: a resourcepart that cannot be processed.
                raise Refused("bad-request", "not a resource") from None
        # RFC 6120 §7.6: the server makes the resourcepart, and nobody can guess it.
        resource = wanted or secrets.token_urlsafe(12)
        others = self.directory.sessions(bare)
        if resource not in others and len(others) + self.pending[bare] >= self.resources_max:
            LIMITS_HIT.add("resources")
            # RFC 6120 §7.6.2.1: the account has reached its limit.
            raise Refused("resource-constraint", "too many resources")
        self.pending[bare] += 1
        try:
            new = bus_pb2.SessionRecord(
                # 128 random bits: whoever knows a session id could address it.
                session=secrets.token_hex(16),
                gateway=self.incarnation,
                jid=f"{bare}/{resource}",
                bound_us=time_ns() // 1000,
                account=account,
                lane=self.lane_number,
            )
            return await self._claim(new)
        except BusError:
            raise Refused("internal-server-error", "try again later") from None
        finally:
            self.pending[bare] -= 1
            if not self.pending[bare]:
                del self.pending[bare]

    async def _claim(self, new: bus_pb2.SessionRecord) -> Record:
        self.claims.add(new.session)
        try:
            for _ in range(ROUNDS_MAX):
                old = self.directory.get(new.jid)
                try:
                    if old is None:
                        return await self.directory.create(new)
                    # RFC 6120 §7.7.2.2: the new session takes the resource; the old one sees the change of its record,
                    # on whichever gateway it is, and gets a conflict stream error.
                    return await self.directory.update(
                        replace(
                            old,
                            session=new.session,
                            gateway=new.gateway,
                            available=False,
                            priority=0,
                            bound_us=new.bound_us,
                            account=new.account,
                            lane=new.lane,
                            resumption="",
                            resume_seconds=0,
                            carbons=False,
                            blocklist=False,
                        )
                    )
                except WrongRevision:
                    await asyncio.sleep(ROUND_SECONDS)
        except BaseException:
            self.disown(new.session)
            raise
        self.disown(new.session)
        raise Refused("conflict", "the resource is being bound elsewhere")

    def disown(self, name: str) -> None:
        """The session will not be; its record may have been written all the same, or may yet appear."""
        self.claims.discard(name)
        stray = self.directory.by_session(name)
        if stray is not None:
            self._later(self._delete(stray))

    def changed(self, before: Record | None, after: Record | None) -> None:
        """The directory has changed, by whomever: what it means for this gateway's sessions."""
        if before is not None and (after is None or after.session != before.session):
            session = self.sessions.get(before.session)
            if session is not None and after is not None:
                LIMITS_HIT.add("conflict")
                # RFC 6120 §4.9.3.3: another session has been given this resource.
                session.link.end("conflict", "replaced by a new session")
            elif session is not None and session.managed is not None and session.managed.id:
                # Taken over, and ended there: this gateway stood still.
                self.moved(session)
            elif session is not None:
                # This gateway was thought dead (it stood still): its clients log in again.
                session.link.end("internal-server-error", "the session was given up")
        elif before is not None and after is not None and before.gateway == self.incarnation != after.gateway:
            session = self.sessions.get(after.session)
            if session is not None:
                self.moved(session)
        if after is not None and after.gateway == self.incarnation and after.session not in self.claims:
            self._later(self._delete(after))

    def is_elsewhere(self, session: str) -> bool:
        """Whether another gateway has this session."""
        there = self.directory.by_session(session)
        return there is not None and there.gateway != self.incarnation

    def _later(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.releasing.add(task)
        task.add_done_callback(self.releasing.discard)
        return task

    async def announce(self, session: Session) -> None:
        """Write what `session` holds into the lane, in order, each presence behind the directory's change."""
        try:
            while session.held:
                held = session.held[0]
                if held.announce is not None:
                    await self._update(session, held.announce)
                # RFC 6120 §10.1: in order; nothing overtakes, also when the session is over meanwhile.
                session.held.pop(0)
                if held.frame is not None:
                    self.lane.add(held.frame)
                if held.then is not None:
                    held.then()
        finally:
            # At once, not with the end of the task: the next stanza looks at it.
            session.announcing = None

    async def _update(self, session: Session, announced: Announcement) -> None:
        await self.change(session, **asdict(announced))

    async def change(self, session: Session, **changes: object) -> bool:
        """Write what is new of a session into its record. False: the record is not ours any more."""
        pause = RETRY_SECONDS
        rounds = ROUNDS_MAX
        while not session.over and rounds:
            try:
                session.record = await self.directory.update(session.record, **changes)
                return True
            except WrongRevision:
                current = self.directory.get(session.jid)
                if current is not None and (current.session, current.gateway) != (session.id, self.incarnation):
                    # Another session, or another gateway, has taken it: the directory tells, and ends it here.
                    return False
                if current is not None and current.revision > session.record.revision:
                    # Two changes of our own at once.
                    session.record = current
                else:
                    rounds -= 1
                    await asyncio.sleep(ROUND_SECONDS)
            except BusError:
                await asyncio.sleep(pause)
                pause = min(RETRY_SECONDS_MAX, pause * 2)
        return False

    def hold(self, session: Session, held: Held) -> asyncio.Task[None] | None:
        """Queue a frame behind a presence; the task that empties the queue where one had to be started."""
        session.held.append(held)
        if session.announcing is not None:
            return None
        session.announcing = asyncio.create_task(self.announce(session))
        return session.announcing

    def release(self, session: Session) -> asyncio.Task[None]:
        """End `session`: its last frame into the lane, its record deleted, what it did not get handed back."""
        session.over = True
        self.returns.leave(session.id)
        return self._later(self._release(session))

    async def _release(self, session: Session) -> None:
        if session.announcing is not None:
            await session.announcing
        stored = asyncio.Event()
        self.lane.add(ended_frame(session), stored.set)
        await stored.wait()
        if session.managed is not None:
            await self._hand_back(session)
        await self._delete(session.record)
        self.claims.discard(session.id)
        self.returns.left(session.id, session.outbox.unwritten(), self.sessions)

    async def _hand_back(self, session: Session) -> None:
        """What a managed session has not acknowledged, while others still know of the session if this gateway dies."""
        await self.returns.room()
        self.returns.part(session.id, session.outbox.unwritten(), self.sessions)
        async for frames in self.rest(session):
            await self.returns.room()
            self.returns.part(session.id, frames, self.sessions)
        await self.all_returned()

    async def all_returned(self) -> None:
        """Return when everything that goes back by now is stored in the lane."""
        await self.returns.gone()
        stored = asyncio.Event()
        self.lane.when_stored(stored.set)
        await stored.wait()

    async def _delete(self, record: Record) -> None:
        pause = RETRY_SECONDS
        while True:
            try:
                # A record that another session has taken over is left alone.
                return await self.directory.delete(record)
            except BusError:
                await asyncio.sleep(pause)
                pause = min(RETRY_SECONDS_MAX, pause * 2)

    async def released(self) -> None:
        """Return when every session that was released has left the directory."""
        while self.releasing:
            await asyncio.wait(self.releasing)


def ended_frame(session: Session) -> bus_pb2.Frame:
    """The last frame of a session."""
    stanza = f"<presence from='{attr_escape(session.jid)}' type='unavailable'/>".encode()
    return last_word(session.id, session.jid, stanza, rooms=session.rooms, inbound=session.inbound)


def counted_frame(session: str, inbound: int, gateway: str = "") -> bus_pb2.Frame:
    """Says in the lane how many stanzas the session has sent; `gateway` where it has just come to it."""
    return bus_pb2.Frame(control=bus_pb2.CONTROL_COUNTED, session=session, inbound=inbound, gateway=gateway)
