"""The session directory: who is connected where. One watch per process keeps a replica of bucket "sessions"."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from sys import intern
from types import MappingProxyType

from natter.proto.v1 import bus_pb2

from . import subjects
from .api import Bus, Subscription, Unavailable, WrongRevision
from .kv import Bucket, Value, bucket_spec, ensure

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session as the directory knows it. `revision` is that of its record."""

    jid: str
    bare: str
    resource: str
    session: str
    gateway: str
    available: bool
    priority: int
    bound_us: int
    revision: int
    # Revision of the account's journal at the login.
    account: int = 0
    lane: int = 0
    # Hash of the id under which it can be resumed, and for how long.
    resumption: str = ""
    resume_seconds: int = 0
    # Its last fence: what that gateway says of it in that lane behind that sequence is not its own.
    fenced_gateway: str = ""
    fenced_lane: int = 0
    fenced_sequence: int = 0
    carbons: bool = False
    blocklist: bool = False
    # Its gateway is still taking it over from another.
    arriving: bool = False


# How long the watch may take to show a write of one's own: as long as an answer of the bus may take.
SYNC_SECONDS_MAX = 5.0

OnChange = Callable[[Session | None, Session | None], None]
NONE: Mapping[str, Session] = MappingProxyType({})


def key(bare: str, resource: str) -> str:
    """The key of a session's record."""
    return f"{subjects.token(bare)}.{subjects.token(resource)}"


async def gateway_of(bus: Bus, full: str, session: str) -> str:
    """Where this session of a full JID is, by its record itself; "" where it has gone. Without a replica, for whoever
    asks seldom."""
    bare, _, resource = full.partition("/")
    value = await Bucket(bus, subjects.SESSIONS).get(key(bare, resource))
    record = bus_pb2.SessionRecord() if value is None else bus_pb2.SessionRecord.FromString(value.value)
    return record.gateway if record.session == session else ""


class Directory:
    """The replica, and the writes of whoever owns sessions. Own writes are seen at once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, subjects.SESSIONS)
        self._watch: Subscription | None = None
        self._bares: dict[str, dict[str, Session]] = {}
        self._sessions: dict[str, Session] = {}
        self._gateways: Counter[str] = Counter()
        # Session ids by `resumption`.
        self._resumptions: dict[str, str] = {}
        # Keys whose JID was too long to be read back from them.
        self._hashed: dict[str, tuple[str, str]] = {}
        # Own deletes that the watch has not shown yet: older news about these keys is no news.
        self._deleted: dict[str, int] = {}
        self._callbacks: list[OnChange] = []
        # The newest revision that the watch has shown, and who waits for a newer one.
        self._seen = 0
        self._syncing: list[tuple[int, asyncio.Future[None]]] = []
        # No JID's token begins so: every replica passes it over.
        self._mark = f"sync.{secrets.token_hex(8)}"

    async def start(self) -> None:
        """Returns when the replica is complete."""
        await ensure(self._bus, bucket_spec(subjects.SESSIONS))
        self._watch = await self._bucket.watch(self._on_value, self._on_delete)

    async def stop(self) -> None:
        """End the watch. The replica stays as it is."""
        if self._watch is not None:
            await self._watch.stop()

    def sessions(self, bare: str) -> Mapping[str, Session]:
        """The sessions of a bare JID by resource."""
        return self._bares.get(bare, NONE)

    def get(self, full: str) -> Session | None:
        """The session of a full JID."""
        bare, _, resource = full.partition("/")
        of_bare = self._bares.get(bare)
        return of_bare.get(resource) if of_bare is not None else None

    def by_session(self, session: str) -> Session | None:
        """The session with this id."""
        return self._sessions.get(session)

    def by_resumption(self, resumption: str) -> Session | None:
        """The session that can be resumed under this hash."""
        found = self._sessions.get(self._resumptions.get(resumption, ""))
        return found if found is not None and found.resumption == resumption else None

    def gateways(self) -> Mapping[str, int]:
        """How many sessions each gateway has."""
        return self._gateways

    def at(self, gateways: Set[str]) -> list[Session]:
        """Every session of these gateways. All there are are looked at only if they have some."""
        if gateways.isdisjoint(self._gateways):
            return []
        return [session for session in self._sessions.values() if session.gateway in gateways]

    def all(self) -> Iterable[Session]:
        """Every session. Do not await while iterating."""
        return self._sessions.values()

    def __len__(self) -> int:
        return len(self._sessions)

    async def sync(self) -> None:
        """Return when the replica shows every write that was stored before this call. `Unavailable`, `BusError`."""
        revision = await self._bucket.delete(self._mark)
        if self._seen >= revision:
            return
        shown = asyncio.get_running_loop().create_future()
        waiting = (revision, shown)
        self._syncing.append(waiting)
        try:
            async with asyncio.timeout(SYNC_SECONDS_MAX):
                await shown
        except TimeoutError:
            raise Unavailable("the directory's watch lags behind") from None
        finally:
            if waiting in self._syncing:
                self._syncing.remove(waiting)

    def on_change(self, callback: OnChange) -> None:
        """Call with (before, after) whenever a session appears, changes or goes; also for own writes, once."""
        self._callbacks.append(callback)

    async def create(self, record: bus_pb2.SessionRecord) -> Session:
        """A new session. `WrongRevision`: the full JID is taken."""
        bare, _, resource = record.jid.partition("/")
        revision = await self._bucket.create(key(bare, resource), record.SerializeToString())
        session = _session(record, revision)
        self._apply(session)
        return session

    async def update(self, session: Session, **changes: object) -> Session:
        """Change some fields of exactly this revision."""
        changed = replace(session, **changes)  # type: ignore[arg-type]
        record = _record(changed)
        revision = await self._bucket.update(key(session.bare, session.resource), record, session.revision)
        changed = replace(changed, revision=revision)
        self._apply(changed)
        return changed

    async def look(self, session: Session) -> bool:
        """Whether the record itself, not the replica, says now that the session is at this gateway."""
        found = await self.read(session)
        return found is not None and found.gateway == session.gateway

    async def read(self, session: Session) -> Session | None:
        """The session as the record itself, not the replica, has it now; None: it is over."""
        value = await self._bucket.get(key(session.bare, session.resource))
        if value is None:
            return None
        record = bus_pb2.SessionRecord.FromString(value.value)
        return _session(record, value.revision) if record.session == session.session else None

    async def delete(self, session: Session) -> None:
        """The session has ended. Somebody else's new session under the same full JID is left alone, and so is this one
        if another gateway has it now."""
        name = key(session.bare, session.resource)
        revision = session.revision
        while True:
            try:
                marker = await self._bucket.delete(name, revision)
                break
            except WrongRevision:
                value = await self._bucket.get(name)
                if value is None:
                    self._forget(session)
                    return
                record = bus_pb2.SessionRecord.FromString(value.value)
                if record.session != session.session or record.gateway != session.gateway or value.revision == revision:
                    return
                revision = value.revision
        current = self.get(session.jid)
        if current is not None and current.revision < marker:
            self._deleted[name] = marker
            self._remove(current)

    def _forget(self, session: Session) -> None:
        """The record is gone already: do not wait for the watch to say so."""
        current = self.get(session.jid)
        if current is not None and current.session == session.session:
            self._deleted[key(session.bare, session.resource)] = current.revision + 1
            self._remove(current)

    def _look_for_loss(self, revision: int) -> None:
        """Revisions rise, unless the js_stream was lost and made again: then nobody is connected until he says so."""
        lost, self._seen = revision <= self._seen, revision
        if not lost:
            return
        log.error("the session directory was lost and begins again")
        self._deleted.clear()
        for session in list(self._sessions.values()):
            self._remove(session)

    def _shown(self, revision: int) -> None:
        for wanted, future in self._syncing:
            if wanted <= revision and not future.done():
                future.set_result(None)

    def _on_value(self, value: Value) -> None:
        self._look_for_loss(value.revision)
        session = _session(bus_pb2.SessionRecord.FromString(value.value), value.revision)
        deleted = self._deleted.get(value.key)
        if deleted is not None:
            if value.revision < deleted:
                return
            del self._deleted[value.key]
        self._apply(session)

    def _on_delete(self, name: str, revision: int) -> None:
        self._look_for_loss(revision)
        if self._deleted.get(name, revision + 1) <= revision:
            del self._deleted[name]
        if self._syncing:
            self._shown(revision)
        found = self._hashed.get(name) or _jid_of(name)
        if found is None:
            return
        session = self._bares.get(found[0], NONE).get(found[1])
        if session is not None and session.revision < revision:
            self._remove(session)

    def _apply(self, session: Session) -> None:
        of_bare = self._bares.get(session.bare)
        before = of_bare.get(session.resource) if of_bare is not None else None
        if before is not None and before.revision >= session.revision:
            return
        if of_bare is None:
            of_bare = self._bares[session.bare] = {}
        of_bare[session.resource] = session
        if before is None:
            if len(session.bare.encode()) > 64 or len(session.resource.encode()) > 64:
                self._hashed[key(session.bare, session.resource)] = (session.bare, session.resource)
        elif before.session != session.session:
            self._sessions.pop(before.session, None)
            self._resumptions.pop(before.resumption, None)
        self._sessions[session.session] = session
        if session.resumption:
            self._resumptions[session.resumption] = session.session
        self._tell(before, session)

    def _remove(self, session: Session) -> None:
        of_bare = self._bares[session.bare]
        of_bare.pop(session.resource, None)
        if not of_bare:
            del self._bares[session.bare]
        self._sessions.pop(session.session, None)
        if session.resumption:
            self._resumptions.pop(session.resumption, None)
        if self._hashed:
            self._hashed.pop(key(session.bare, session.resource), None)
        self._tell(session, None)

    def _tell(self, before: Session | None, after: Session | None) -> None:
        if before is not None:
            self._gateways[before.gateway] -= 1
            if not self._gateways[before.gateway]:
                del self._gateways[before.gateway]
        if after is not None:
            self._gateways[after.gateway] += 1
        for callback in self._callbacks:
            try:
                callback(before, after)
            except Exception:
                log.exception("directory callback failed")


def _session(record: bus_pb2.SessionRecord, revision: int) -> Session:
    bare, _, resource = record.jid.partition("/")
    return Session(
        record.jid,
        bare,
        resource,
        record.session,
        intern(record.gateway),
        record.available,
        record.priority,
        record.bound_us,
        revision,
        record.account,
        record.lane,
        record.resumption,
        record.resume_seconds,
        record.fenced_gateway,
        record.fenced_lane,
        record.fenced_sequence,
        record.carbons,
        record.blocklist,
        record.arriving,
    )


def _record(session: Session) -> bytes:
    return bus_pb2.SessionRecord(
        session=session.session,
        gateway=session.gateway,
        jid=session.jid,
        available=session.available,
        priority=session.priority,
        bound_us=session.bound_us,
        account=session.account,
        lane=session.lane,
        resumption=session.resumption,
        resume_seconds=session.resume_seconds,
        fenced_gateway=session.fenced_gateway,
        fenced_lane=session.fenced_lane,
        fenced_sequence=session.fenced_sequence,
        carbons=session.carbons,
        blocklist=session.blocklist,
        arriving=session.arriving,
    ).SerializeToString()


def _jid_of(name: str) -> tuple[str, str] | None:
    bare, _, resource = name.partition(".")
    bare_text, resource_text = subjects.untoken(bare), subjects.untoken(resource)
    return (bare_text, resource_text) if bare_text is not None and resource_text is not None else None
