"""`natter doctor --projections`: the service's side. Piece by piece, while everything runs."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Final

from google.protobuf.message import DecodeError
from natter.bus import subjects
from natter.bus.api import Bus, BusError, Entry
from natter.bus.removal import news_of
from natter.bus.subjects import shard_of
from natter.proto.v1.archive_pb2 import CheckReply, CheckRequest, Difference
from natter.storage.archive import Archive, Message
from natter.storage.database import DatabaseError
from natter.xmpp.jid import local_of

from .accounts import Accounts
from .checking import Key, Replay, Verdict, compared, replayed
from .preferences import DEFAULT, Wishes
from .retention import DAY_US
from .settings import Settings

log = logging.getLogger(__name__)

# A piece: whichever is reached first.
ENTRIES_MAX: Final = 256
BYTES_MAX: Final = 2 << 20
# Differences that are named; all are counted and repaired.
NAMED_MAX: Final = 1000
EVERYTHING: Final = subjects.archive(0).rpartition(".")[0] + ".*"


class Inspection:
    """Compares the log with the rows. `deciding` is held while something is put right."""

    def __init__(
        self,
        bus: Bus,
        archive: Archive,
        accounts: Accounts,
        wishes: Wishes,
        settings: Settings,
        deciding: asyncio.Lock,
        *,
        shards: int,
        now_us: Callable[[], int],
    ) -> None:
        self._bus = bus
        self._archive = archive
        self._accounts = accounts
        self._wishes = wishes
        self._settings = settings
        self._deciding = deciding
        self._shards = shards
        self._now_us = now_us

    async def check(self, payload: bytes) -> bytes:
        """One request."""
        try:
            request = CheckRequest.FromString(payload)
            reply = await self._piece(request.after, repair=request.repair)
        except DecodeError:
            reply = CheckReply(error="not a request")
        except (BusError, DatabaseError) as error:
            log.warning("projections could not be compared: %s", error)
            reply = CheckReply(error=f"the archive cannot look now: {error}")
        return reply.SerializeToString()

    async def _piece(self, after: int, *, repair: bool) -> CheckReply:
        done = {subjects.archive(n): await self._archive.sequence(f"archive.{n}") for n in range(self._shards)}
        entries, more = await self._entries(after, done)
        if not entries:
            return CheckReply(until=after)
        replay = replayed(entries, search=self._settings.search)
        until = entries[-1].sequence
        # A row of the first piece is not older than the log.
        first = (after + 1 if after else entries[0].sequence) << 16
        there: dict[Key, Message] = {}
        for row in await self._archive.between(first, until + 1 << 16):
            there[row.owner, row.id] = row
        elsewhere = [key for key in replay.rows if key not in there]
        there |= {(row.owner, row.id): row for row in await self._archive.rows(elsewhere)}
        verdict = await self._verdict(replay, there)
        differing = [
            Difference(what=what, owner=row.owner, id=row.id)
            for what, found in (
                ("missing", verdict.missing),
                ("changed", verdict.changed),
                ("surplus", verdict.surplus),
            )
            for row in found
        ]
        return CheckReply(
            until=until,
            more=more,
            entries=len(entries),
            rows=len(replay.rows),
            differences=differing[:NAMED_MAX],
            differing=len(differing),
            unjudged=verdict.unjudged,
            repaired=await self._repair(verdict) if repair else 0,
        )

    async def _entries(self, after: int, done: Mapping[str, int]) -> tuple[list[Entry], bool]:
        """A piece of the log, as far as the database has it; whether there is more."""
        found = await self._bus.read(subjects.ARCHIVE, EVERYTHING, after=after, limit=ENTRIES_MAX)
        size = 0
        for count, entry in enumerate(found):
            if entry.sequence > done.get(entry.subject, 0):
                return found[:count], False
            size += len(entry.payload)
            if size > BYTES_MAX:
                return found[: count + 1], True
        return found, len(found) == ENTRIES_MAX

    async def _verdict(self, replay: Replay, there: Mapping[Key, Message]) -> Verdict:
        firsts = {}
        for number in range(self._shards):
            subject = subjects.archive(number)
            entries = await self._bus.read(subjects.ARCHIVE, subject, limit=1)
            # The shards' logs do not reach equally far: each forgets for itself what is done.
            firsts[number] = entries[0].sequence << 16 if entries else math.inf
        ended = {owner: await self._ended(owner) for owner, _ in replay.rows.keys() - there.keys()}
        since_us = self._now_us() - int(self._settings.days * DAY_US) if self._settings.days else 0

        def excused(row: Message) -> bool:
            until_us, position = ended[row.owner]
            # What their owner does not want, or did not; what is too old, or too much; what went with an account.
            wanted = self._wishes.of(row.owner) is DEFAULT
            return not wanted or row.time_us <= max(until_us, since_us) or row.position < position

        return compared(
            replay,
            there,
            excused=excused,
            belongs=lambda row: row.position >= firsts[shard_of(row.owner, self._shards)],
        )

    async def _ended(self, owner: str) -> tuple[int, int]:
        """Until when, and up to which position, an archive has been forgotten."""
        removed_us = 0
        for entry in await self._bus.read(subjects.JOURNALS, subjects.journal("account", local_of(owner))):
            news = news_of(entry)
            removed_us = max(removed_us, news.removed_us if news else 0)
        if not await self._accounts.exists(owner):
            return self._now_us(), 0
        edges = await self._archive.edges(owner) if self._settings.messages_max else None
        return removed_us, edges[0].position if edges else 0

    async def _repair(self, verdict: Verdict) -> int:
        async with self._deciding:
            # Who has gone meanwhile stays forgotten.
            gone = self._accounts.removed
            put = [m for m in (*verdict.missing, *verdict.changed) if m.time_us > gone.get(m.owner, 0)]
            await self._archive.repair(put, (*verdict.changed, *verdict.surplus))
        return len(put) + len(verdict.surplus)
