"""One shard of the archive's log: messages into the database in batches, questions answered behind them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import time_ns
from typing import Any, Final, TypeVar

from natter.bus.api import BusError, Entry
from natter.bus.directory import Directory
from natter.bus.holder import Shard
from natter.bus.moves import Moves
from natter.bus.sender import Senders
from natter.bus.subjects import deliver
from natter.proto.v1.bus_pb2 import KIND_IQ, Frame
from natter.storage.archive import Archive, Waiting
from natter.storage.database import DatabaseError, Refused
from natter.telemetry import names

from . import copies, replies, spans
from .accounts import Accounts
from .batch import Batch, Item, decide, items
from .handover import Handover
from .preferences import Wishes
from .queries import Queries
from .questions import Questions, there
from .reached import Reached
from .settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")
RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 3.0
# Stanzas written in one transaction.
BATCH_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Tools:
    """What the shards of one process share."""

    archive: Archive
    accounts: Accounts
    directory: Directory
    moves: Moves
    queries: Queries
    handover: Handover
    settings: Settings
    domain: str
    wishes: Wishes
    # Held from a decision to the end of its transaction, so that what is erased meanwhile is not written again.
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)


class ShardWorker:
    """The holder's worker for one shard. `done`: how far the database has got, `seen`: causes, as `batch.items`."""

    def __init__(
        self, shard: Shard, tools: Tools, senders: Senders, *, done: int, seen: dict[str, tuple[int, int]]
    ) -> None:
        self._shard = shard
        self._tools = tools
        self._senders = senders
        tools.moves.follow(senders)
        self._reached = Reached(done, seen)
        self._seen = seen
        self._items: list[Item] = []
        # Entries at work: how many of their frames are not worked off yet.
        self._open: list[int] = []
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._questions = Questions(
            shard.progress,
            tools.directory,
            tools.queries,
            self._reached,
            self._answer,
            at_once_max=tools.settings.queries_at_once_max,
        )
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._ended)

    # --- the holder's side ------------------------------------------------------------------------------------------

    def take(self, entry: Entry) -> None:
        """One envelope of the log."""
        self._shard.progress.begin(entry.sequence)
        try:
            found = items(entry, self._seen)
        except ValueError:
            names.POISON.add("ARCHIVE")
            log.error("an entry of the archive's log is no envelope", extra={"sequence": entry.sequence})
            found = []
        self._open.append(entry.sequence)
        for item in found:
            if item.frame.kind == KIND_IQ:
                # Where rows are made again, what was asked meanwhile has been answered.
                if entry.sequence > self._shard.position:
                    self._questions.take(item)
                    self._urgent.set()
            else:
                self._items.append(item)
        if self._reached.waiting or any(item.frame.offline for item in found):
            self._urgent.set()
        self._arrived.set()

    def full(self) -> bool:
        """Whether to leave further entries on the bus for now."""
        return len(self._items) + len(self._questions) >= self._tools.settings.rows_waiting_max

    async def close(self) -> None:
        """Stop; the next holder repeats what is not in the database."""
        self._task.cancel()
        await asyncio.gather(self._task, self._questions.close(), return_exceptions=True)
        self._tools.handover.left(self._shard.number)
        self._tools.moves.forget(self._senders)
        await self._senders.close()

    @property
    def knows_until(self) -> int:
        """Behind which entry the log is read: a database that knows less than the bus is filled again."""
        return self._reached.done

    # --- the work ---------------------------------------------------------------------------------------------------

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("a shard of the archive stopped", exc_info=task.exception())
            self._shard.restart()

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._urgent.is_set():
                # Messages of some moments are written together: the price of a transaction is shared.
                try:
                    async with asyncio.timeout(self._tools.settings.batch_seconds):
                        await self._urgent.wait()
                except TimeoutError:
                    pass
            self._arrived.clear()
            self._urgent.clear()
            taken, self._items = self._items, []
            opened, self._open = self._open, []
            for start in range(0, len(taken), BATCH_MAX):
                await self._turn(taken[start : start + BATCH_MAX], opened[-1] if start + BATCH_MAX >= len(taken) else 0)
            if not taken:
                await self._turn([], opened[-1])
            for sequence in opened:
                self._shard.progress.finish(sequence)

    async def _turn(self, taken: list[Item], last: int) -> None:
        """Write what is new; then answer. `last`: the entry that is complete with this."""
        tools = self._tools
        start_us = time_ns() // 1000
        exists = {}
        for bare in {item.frame.offline for item in taken if item.frame.offline}:
            exists[bare] = await self._patiently(partial(tools.accounts.exists, bare))
        owners = {owner for item in taken for owner in item.frame.owners}
        await self._patiently(partial(tools.wishes.look, owners))
        async with tools.deciding:
            decided = await self._decided(taken, exists, last)
        spans.stored((item.frame for item in taken), start_us, time_ns() // 1000)
        for row in decided.late:
            tools.handover.waits(row.owner)

    async def _decided(self, taken: list[Item], exists: Mapping[str, bool], last: int) -> Batch:
        tools = self._tools
        decided = decide(
            taken,
            exists,
            tools.handover.counts,
            domain=tools.domain,
            waiting_max=tools.settings.offline_max,
            removed=tools.accounts.removed,
            wants=tools.wishes.wants,
            search=tools.settings.search,
        )
        if decided.refused:
            # Before they count as seen: a sender is told at least once.
            for item in decided.refused:
                await there(tools.directory, item.frame.session)
                self._refuse(item)
            await self._senders.drain()
        # Of an entry that is written in parts only the last one says that it is done.
        sequence = last or taken[-1].sequence - 1
        await self._write(max(sequence, self._reached.done), decided)
        return decided

    async def _write(self, sequence: int, decided: Batch) -> None:
        """Until it is written: while the database is away, what follows stays on the bus."""
        pause = RETRY_SECONDS_MIN
        while True:
            try:
                now_us = time_ns() // 1000
                await self._tools.archive.append(
                    self._shard.name, sequence, decided.kept, decided.late, decided.seen, now_us
                )
                break
            except Refused as error:
                log.error("a batch was refused by the database: %s", error)
                await self._one_by_one(decided)
            except DatabaseError as error:
                names.ARCHIVE_RETRIES.add()
                if not self._reached.failing:
                    log.error("%s: %s", names.LOG_ARCHIVE_FAILED, error)
                # Nobody waits for an answer that may take minutes.
                self._reached.fail()
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(RETRY_SECONDS_MAX, pause * 2)
        if self._reached.failing:
            log.warning(names.LOG_ARCHIVE_WORKS)
        self._reached.wrote(sequence, decided.seen)
        if decided.kept:
            names.ARCHIVED.add(by=len(decided.kept))
            oldest_us = min(message.time_us for message in decided.kept)
            names.ARCHIVE_LAG.record(max(0.0, (time_ns() // 1000 - oldest_us) / 1e6))

    async def _one_by_one(self, decided: Batch) -> None:
        """Find the rows that the database does not take, and leave them out: the rest must not wait for them."""
        for rows in (decided.kept, decided.late):
            for row in list(rows):
                alone = Batch([row], []) if rows is decided.kept else Batch([], [row])  # type: ignore[list-item]
                try:
                    await self._tools.archive.append(self._shard.name, self._reached.done, alone.kept, alone.late)
                except Refused:
                    names.POISON.add("ARCHIVE")
                    rows.remove(row)  # type: ignore[arg-type]
                    if isinstance(row, Waiting):
                        # Nobody will get it: its sender must know.
                        frame = Frame.FromString(row.frame)
                        self._refuse(Item(row.position >> 16, row.position, "", frame), "internal-server-error")
        # Before they count as seen.
        await self._senders.drain()

    async def _patiently(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        pause = RETRY_SECONDS_MIN
        while True:
            try:
                return await work()
            except BusError:
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(RETRY_SECONDS_MAX, pause * 2)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _refuse(self, item: Item, condition: str = "service-unavailable") -> None:
        """The sender hears that nobody will get the message, and so do its other clients."""
        error = replies.error(item.frame, condition)
        self._answer(item, error)
        for session, copy in copies.of_error(item.frame, error, self._tools.directory):
            self._send(item, session.gateway, copy)

    def _answer(self, item: Item, frame: Frame) -> None:
        """To the session that asked, wherever it is; one that has left is owed nothing."""
        asker = self._tools.directory.by_session(item.frame.session)
        if asker is None:
            return
        self._send(item, asker.gateway, frame)

    def _send(self, item: Item, gateway: str, frame: Frame) -> None:
        progress = self._shard.progress
        progress.expect(item.sequence)
        self._senders.add(deliver(gateway), frame, partial(progress.done, item.sequence))
