"""Users in memory: loaded from their journals, forgotten when long unused. Only while their shard is held."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field

from natter.bus.api import BusError
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots

from .model import codec
from .model.codec import Folded
from .model.user import Logout, Session, User

log = logging.getLogger(__name__)

KIND = "roster"


@dataclass(slots=True)
class Resident:
    """A user in memory, and where his journal stands."""

    user: User
    revision: int = 0
    applied: Mapping[str, int] = field(default_factory=dict)
    events_since_snapshot: int = 0


class Residents:
    """The users of one shard. Above `users_max` the longest unused one is forgotten: his journal knows him."""

    def __init__(
        self,
        journal: Journal,
        snapshots: Snapshots,
        *,
        users_max: int,
        sessions: dict[str, dict[str, Session]],
        logout: Callable[[str], Awaitable[Logout | None]],
        exists: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self._users_max = users_max
        # Sessions are never forgotten while they live; they are not in the journal.
        self._sessions: dict[str, Mapping[str, Session]] = dict(sessions)
        self._logout = logout
        self._exists = exists
        self._users: OrderedDict[str, Resident] = OrderedDict()

    def __len__(self) -> int:
        return len(self._users)

    def get(self, jid: str) -> Resident | None:
        """The user, if he is in memory."""
        resident = self._users.get(jid)
        if resident is not None:
            self._users.move_to_end(jid)
        return resident

    def session(self, full: str) -> Session | None:
        """A session that is known, by full JID."""
        return self._sessions.get(full.partition("/")[0], {}).get(full)

    def sessions(self) -> list[Session]:
        """All sessions that are known."""
        return [session for sessions in self._sessions.values() for session in sessions.values()]

    def keep(self, resident: Resident, user: User) -> None:
        """The user is now like this."""
        if user.sessions is not resident.user.sessions:
            if user.sessions:
                self._sessions[user.jid] = user.sessions
            else:
                self._sessions.pop(user.jid, None)
        resident.user = user

    async def load(self, jid: str) -> Resident:
        """Bring the user into memory. Raises `BusError`."""
        folded, events = await self._fold(jid)
        logout = await self._logout(jid)
        sessions = self._sessions.get(jid, {})
        # Who has a roster or a session has an account: asked only of strangers, and of those who were removed once.
        known = bool(folded.revision or sessions) and not folded.roster.forgotten.removal
        exists = known or await self._exists(jid)
        user = User(jid, folded.roster, sessions, logout, exists)
        resident = self._users[jid] = Resident(user, folded.revision, folded.applied, events)
        self._users.move_to_end(jid)
        return resident

    def trim(self, busy: Container[str]) -> None:
        """Forget those who are too many, longest unused first, never one who is `busy`."""
        if len(self._users) <= self._users_max:
            return
        for jid in list(self._users):
            if len(self._users) <= self._users_max:
                return
            if jid not in busy:
                del self._users[jid]

    def forget(self, jid: str) -> None:
        """Drop one user from memory: he may come into being."""
        self._users.pop(jid, None)

    async def snapshot(self, resident: Resident) -> None:
        """Write what the journal comes to, and forget the entries below. Raises `BusError`: nothing is lost then."""
        user = resident.user
        folded = Folded(user.roster, resident.revision, dict(resident.applied))
        events, resident.events_since_snapshot = resident.events_since_snapshot, 0
        try:
            await self._snapshots.put(KIND, user.jid, folded.revision, codec.encode_snapshot(folded))
            # The newest entry stays: its sequence is the revision that the next append expects.
            await self._journal.truncate(KIND, user.jid, folded.revision)
        except BusError:
            # With the next event again.
            resident.events_since_snapshot += events
            raise

    async def _fold(self, jid: str) -> tuple[Folded, int]:
        stored = await self._snapshots.get(KIND, jid)
        folded = Folded() if stored is None else codec.decode_snapshot(stored[1])
        entries = await self._journal.load(KIND, jid, after=folded.revision)
        for entry in entries:
            folded = codec.fold(folded, entry.sequence, entry.payload)
        return folded, len(entries)
