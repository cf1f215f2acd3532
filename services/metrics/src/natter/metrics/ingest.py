"""From the bus into ClickHouse: every batch once, whoever dies when.

A bookmark on the bus says which entries are written, and before an insert, which ones it will hold. After a crash the
same entries are read again and inserted under the same token, which ClickHouse skips if it has seen it. While
ClickHouse is away nothing is read: rows wait on the bus, bounded by its age and size.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TypeVar

from natter.bus.api import Bus, BusError, Entry, WrongRevision
from natter.bus.kv import Bucket
from natter.bus.subjects import FACTS, POSITIONS
from natter.storage.clickhouse import ClickHouse, StorageError
from natter.storage.stanza_events import TABLE, Naming, Rows
from natter.telemetry import names

from .parking import SUBJECTS, Parking

log = logging.getLogger(__name__)

T = TypeVar("T")

KEY = "analytics"
# Entries of one read: 14,000 rows or half a megabyte each at most.
ENTRIES_PER_READ = 64
# Further recipients of broadcasts are a number each: so many weigh as much as a row.
OTHERS_PER_ROW = 12
PAUSE_SECONDS_MIN = 0.1
# How often somebody else's notes of what he could not read are looked at.
PARKED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Entries up to `position` are written; those up to `claimed` are about to be. `generation`: of the js_stream."""

    generation: str
    position: int = 0
    claimed: int = 0
    revision: int = 0

    @property
    def token(self) -> str:
        """Names the claimed entries for ever."""
        return f"{self.generation}.{self.position}.{self.claimed}"

    def encode(self) -> bytes:
        """As it stands in the bucket."""
        return f"{self.generation} {self.position} {self.claimed}".encode()

    @classmethod
    def decode(cls, value: bytes, revision: int) -> Bookmark:
        """The inverse of `encode`."""
        generation, position, claimed = value.decode().split()
        return cls(generation, int(position), int(claimed), revision)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is about to be written, nothing where `bookmark` claims nothing; and whether more can follow at once."""

    bookmark: Bookmark
    rows: Rows
    more: bool


class Ingest:
    """Reads, inserts, remembers. The bookmark is written by compare-and-set."""

    def __init__(
        self,
        bus: Bus,
        open_clickhouse: Callable[[], Awaitable[ClickHouse]],
        naming: Naming,
        *,
        rows_max: int,
        insert_seconds: float,
        retry_seconds_max: float,
    ) -> None:
        self.clickhouse: ClickHouse | None = None
        self.failing = False
        # What is written; None while that is not known.
        self.position: int | None = None
        self._bus = bus
        self._open = open_clickhouse
        self._naming = naming
        self._rows_max = rows_max
        self._insert_seconds = insert_seconds
        self._retry_seconds_max = retry_seconds_max
        self._bucket = Bucket(bus, POSITIONS)
        self._stopping = asyncio.Event()
        self._parking = Parking(bus, naming)
        self._look_at = float("-inf")

    async def run(self) -> None:
        """Work until `stop`, then until nothing is left."""
        self.clickhouse = await self._patiently(self._open)
        bookmark = await self._patiently(self._load) if self.clickhouse is not None else None
        while bookmark is not None:
            self.position = bookmark.position
            if not await self._look_at_parked(bookmark):
                return
            claim = await self._patiently(partial(self._claim, bookmark))
            if claim is None:
                return
            if claim.bookmark.claimed > claim.bookmark.position:
                if not await self._patiently(partial(self._insert, claim)):
                    return
                if not await self._patiently(partial(self._parking.note, claim.bookmark.generation)):
                    return
                bookmark = await self._patiently(partial(self._release, claim.bookmark))
            elif self._stopping.is_set():
                return
            if not claim.more:
                await self._pause(self._insert_seconds)

    def stop(self) -> None:
        """Let `run` return after what is there now."""
        self._stopping.set()

    async def _load(self) -> Bookmark:
        """The bookmark, or a new one where there is none or the js_stream began anew."""
        value = await self._bucket.get(KEY)
        fresh = Bookmark(secrets.token_hex(6), revision=value.revision if value else 0)
        if value is None:
            return fresh
        bookmark = Bookmark.decode(value.value, value.revision)
        return bookmark if bookmark.position <= await self._bus.last_sequence(FACTS) else fresh

    async def _save(self, bookmark: Bookmark) -> Bookmark:
        if bookmark.revision:
            revision = await self._bucket.update(KEY, bookmark.encode(), bookmark.revision)
        else:
            revision = await self._bucket.create(KEY, bookmark.encode())
        return replace(bookmark, revision=revision)

    async def _claim(self, bookmark: Bookmark) -> Claim:
        """Say which entries come next, and gather their rows."""
        while bookmark.claimed <= bookmark.position:
            entries = await self._bus.read(FACTS, SUBJECTS, after=bookmark.position, limit=ENTRIES_PER_READ)
            if not entries:
                return Claim(bookmark, Rows(), False)
            self._count_lost(bookmark, entries[0].sequence)
            rows, last = self._gather(entries, self._rows_max)
            try:
                saved = await self._save(replace(bookmark, claimed=last))
            except WrongRevision:
                # Our own write whose answer was lost, or another metrics process: what stands there counts. Two that
                # work on the same claim insert it under the same token.
                bookmark = await self._load()
                continue
            return Claim(saved, rows, last < entries[-1].sequence or len(entries) == ENTRIES_PER_READ)
        rows, _ = self._gather(await self._claimed(bookmark), sys.maxsize)
        return Claim(bookmark, rows, True)

    async def _release(self, bookmark: Bookmark) -> Bookmark:
        """What was claimed is written."""
        try:
            return await self._save(replace(bookmark, position=bookmark.claimed))
        except WrongRevision:
            return await self._load()

    async def _claimed(self, bookmark: Bookmark) -> list[Entry]:
        """The entries that were about to be written, whatever limits held then."""
        limit = bookmark.claimed - bookmark.position
        found = await self._bus.read(FACTS, SUBJECTS, after=bookmark.position, limit=limit)
        return [entry for entry in found if entry.sequence <= bookmark.claimed]

    def _gather(self, entries: list[Entry], rows_max: int) -> tuple[Rows, int]:
        """Rows of the first entries, about `rows_max`, and the sequence of the last entry used."""
        rows, last = Rows(), 0
        for entry in entries:
            if len(rows) + rows.others // OTHERS_PER_ROW >= rows_max:
                break
            self._parking.add(rows, entry)
            last = entry.sequence
        return rows, last

    async def _look_at_parked(self, bookmark: Bookmark) -> bool:
        """Now and then. False: told to stop meanwhile."""
        now = asyncio.get_running_loop().time()
        if now < self._look_at:
            return True
        self._look_at = now + PARKED_SECONDS
        return bool(await self._patiently(partial(self._parking.look, bookmark.generation, self._write)))

    async def _insert(self, claim: Claim) -> bool:
        if len(claim.rows):
            await self._write(claim.rows, claim.bookmark.token)
        return True

    async def _write(self, rows: Rows, token: str) -> None:
        if self.clickhouse is None:
            raise StorageError("ClickHouse is not open")
        began = perf_counter()
        await self.clickhouse.insert(TABLE, rows.block(self._naming), token=token)
        names.INSERT_SECONDS.record(perf_counter() - began)
        names.ROWS_WRITTEN.add(by=rows.stanzas)

    def _count_lost(self, bookmark: Bookmark, first: int) -> None:
        """The js_stream forgets by age; sequences that are missing were never written."""
        lost = first - bookmark.position - 1
        if bookmark.position and lost > 0:
            names.BATCHES_LOST.add(by=lost)
            log.warning(names.LOG_ROWS_LOST, extra={"batches": lost})

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """The result of `work`, tried again while ClickHouse or the bus is away; None when told to stop meanwhile."""
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                result = await work()
            except (StorageError, BusError) as error:
                names.INSERT_RETRIES.add()
                if not self.failing:
                    log.warning(names.LOG_INSERT_FAILED, extra={"reason": str(error)})
                self.failing = True
                if self._stopping.is_set():
                    return None
                await self._pause(random.uniform(pause / 2, pause))
                pause = min(self._retry_seconds_max, pause * 2)
                continue
            if self.failing:
                log.info(names.LOG_INSERT_WORKS)
            self.failing = False
            return result

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when told to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass
