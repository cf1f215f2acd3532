"""What presence keeps on the bus beside journals: sessions of a shard, logouts, and whether there is an account."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.kv import Bucket
from natter.proto.v1 import accounts_pb2
from natter.xmpp.jid import bare_of, local_of

from .last_values import LastValues
from .model import codec
from .model.user import Logout, Session

LOGOUTS = "logouts"
# How long the end of a session is kept: for nobody, it only must replace what was there.
ENDED_SECONDS = 60.0


@dataclass(slots=True)
class Availability:
    """The sessions of one shard as the log had them, and the writer of what follows."""

    values: LastValues
    sessions: dict[str, dict[str, Session]] = field(default_factory=dict)


async def open_availability(bus: Bus, shard: int) -> Availability:
    """Read the shard's sessions."""
    # A subject ends with the JID's token.
    every = subjects.availability(shard, "").rpartition(".")[0] + ".*"
    entries = await bus.last_many(subjects.AVAILABILITY, every)
    sessions: dict[str, dict[str, Session]] = {}
    revisions: dict[str, int] = {}
    for entry in entries:
        if not entry.payload:
            # It has ended.
            continue
        session = codec.decode_session(entry.payload)
        sessions.setdefault(bare_of(session.jid), {})[session.jid] = session
        revisions[session.jid] = entry.sequence

    def write(jid: str, payload: bytes, revision: int | None) -> Awaitable[int]:
        return bus.publish(
            subjects.availability(shard, jid),
            payload,
            expect_last=revision,
            ttl_seconds=0.0 if payload else ENDED_SECONDS,
        )

    async def stands(jid: str) -> int:
        entry = await bus.last(subjects.AVAILABILITY, subjects.availability(shard, jid))
        return entry.sequence if entry is not None else 0

    return Availability(LastValues(write, stands, revisions), sessions)


class Logouts:
    """When users left last, by bare JID."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = Bucket(bus, LOGOUTS)

    async def get(self, jid: str) -> Logout | None:
        """The user's last logout."""
        found = await self._bucket.get(subjects.token(jid))
        return codec.decode_logout(found.value) if found is not None else None

    def values(self) -> LastValues:
        """A writer for one shard. Of two logouts written at once either is true enough."""

        def write(jid: str, payload: bytes, revision: int | None) -> Awaitable[int]:
            key = subjects.token(jid)
            return self._bucket.put(key, payload) if payload else self._bucket.delete(key)

        async def stands(jid: str) -> int:
            return 0

        return LastValues(write, stands)


async def has_account(bus: Bus, jid: str) -> bool:
    """Whether the newest event of the account's journal is not its end."""
    entry = await bus.last(subjects.JOURNALS, subjects.journal("account", local_of(jid)))
    if entry is None:
        return False
    events = accounts_pb2.AccountEvents.FromString(entry.payload).events
    return bool(events) and events[-1].WhichOneof("event") != "removed"
