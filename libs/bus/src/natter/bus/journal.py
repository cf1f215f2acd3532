"""Journals: the events of one entity, appended at an expected revision."""

from __future__ import annotations

import asyncio
import random

from . import subjects
from .api import Bus, BusError, Entry, PublishUnknown, Unavailable, WrongRevision

PAGE_ENTRIES = 1000
# An append whose outcome is unknown is repeated for so long.
REPEAT_SECONDS_MAX = 30.0
BACKOFF_SECONDS = (0.05, 0.5)


class Journal:
    """All journals on one bus. A revision is the sequence of an entity's last entry; 0: it has none."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def load(self, kind: str, entity: str, after: int = 0) -> list[Entry]:
        """Every entry above a revision, in order."""
        subject = subjects.journal(kind, entity)
        entries: list[Entry] = []
        while True:
            page = await self._bus.read(subjects.JOURNALS, subject, after=after, limit=PAGE_ENTRIES)
            entries += page
            if len(page) < PAGE_ENTRIES:
                return entries
            after = page[-1].sequence

    def append(self, kind: str, entity: str, payload: bytes, *, expected: int) -> asyncio.Future[int]:
        """Add one entry behind revision `expected`; its own.

        `WrongRevision`: somebody else wrote. An unknown outcome is cleared up inside, by repeating;
        `PublishUnknown` or `Unavailable` come only after 30 s.
        """
        attempt = _Append(self._bus, subjects.journal(kind, entity), payload, expected)
        attempt.publish()
        return attempt.outcome

    async def last_of_kind(self, kind: str) -> list[Entry]:
        """The newest entry of every entity of a kind: what exists, and at which revision."""
        return await self._bus.last_many(subjects.JOURNALS, subjects.journals(kind))

    async def truncate(self, kind: str, entity: str, below: int) -> None:
        """Forget entries under a revision that a snapshot covers."""
        await self._bus.purge(subjects.JOURNALS, subjects.journal(kind, entity), below=below)


class _Append:
    """One append and its repetitions."""

    __slots__ = ("_bus", "_clearing", "_end", "_expected", "_loop", "_payload", "_subject", "_unknown", "outcome")

    def __init__(self, bus: Bus, subject: str, payload: bytes, expected: int) -> None:
        self._bus = bus
        self._subject = subject
        self._payload = payload
        self._expected = expected
        self._unknown = False
        self._clearing: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + REPEAT_SECONDS_MAX
        self.outcome: asyncio.Future[int] = self._loop.create_future()

    def publish(self) -> None:
        if self.outcome.done():
            return
        future = self._bus.publish(self._subject, self._payload, expect_last=self._expected)
        future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[int]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(future.result())
        elif isinstance(error, PublishUnknown | Unavailable) and self._loop.time() < self._end:
            self._unknown = self._unknown or isinstance(error, PublishUnknown)
            self._loop.call_later(random.uniform(*BACKOFF_SECONDS), self.publish)
        elif isinstance(error, WrongRevision) and self._unknown:
            self._clearing = self._loop.create_task(self._whose(error))
        else:
            self.outcome.set_exception(error)

    async def _whose(self, error: WrongRevision) -> None:
        """Somebody wrote behind the expected revision: maybe this very append, whose acknowledgement was lost."""
        try:
            found = await self._bus.read(subjects.JOURNALS, self._subject, after=self._expected, limit=1)
        except BusError:
            # Ask again by publishing again: it is refused with the same error.
            self._loop.call_later(random.uniform(*BACKOFF_SECONDS), self.publish)
            return
        if self.outcome.done():
            return
        if found and found[0].payload == self._payload:
            self.outcome.set_result(found[0].sequence)
        else:
            self.outcome.set_exception(error)
