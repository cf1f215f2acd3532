"""What belonged to an account ends with it: the journals of accounts are followed from where the database stands."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import Final

from google.protobuf.message import DecodeError
from natter.bus import subjects
from natter.bus.api import Bus, Entry, Subscription
from natter.bus.removal import AccountNews, news_of
from natter.storage.archive import Archive
from natter.storage.database import DatabaseError
from natter.telemetry import names

from .accounts import Accounts

log = logging.getLogger(__name__)

# By this name the database knows how far the journals were followed.
POSITION: Final = "accounts"
# A place without a removal is saved this seldom: so many entries are looked at again.
ENTRIES_UNSAVED_MAX: Final = 1000
# Removals that wait for the database; above it reading stops for a while.
WAITING_MAX: Final = 1000
RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 3.0


class Erasure:
    """Forgets archives. `deciding` is held by workers while they write."""

    def __init__(self, bus: Bus, archive: Archive, accounts: Accounts, deciding: asyncio.Lock) -> None:
        self._bus = bus
        self._archive = archive
        self._accounts = accounts
        self._deciding = deciding
        self._removed: deque[AccountNews] = deque()
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None
        self._paused = False
        self._seen = self._saved = 0

    async def start(self) -> None:
        """Go on where the database stands. Raises `DatabaseError` and `BusError`."""
        self._seen = self._saved = await self._archive.sequence(POSITION)
        self._subscription = await self._bus.subscribe(
            subjects.JOURNALS, (subjects.journals("account"),), self.take, start=self._saved + 1
        )

    async def stop(self) -> None:
        """Follow no more."""
        if self._subscription is not None:
            await self._subscription.stop()

    def take(self, entry: Entry) -> None:
        """Something has happened to an account."""
        try:
            news = news_of(entry)
        except DecodeError:
            names.POISON.add(subjects.JOURNALS)
            return
        self._seen = entry.sequence
        if news is not None:
            # At once: from here on nothing is written for who has gone.
            self._accounts.heard(news)
            if news.removed_us:
                self._removed.append(news)
        if self._removed or self._seen - self._saved >= ENTRIES_UNSAVED_MAX:
            self._arrived.set()
        if len(self._removed) >= WAITING_MAX and self._subscription is not None:
            self._paused = True
            self._subscription.pause()

    async def run(self) -> None:
        """Erase what has ended, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._removed:
                await self._patiently(self._removed[0])
                self._removed.popleft()
            await self._patiently(None)
            if self._paused and self._subscription is not None:
                self._paused = False
                self._subscription.resume()

    async def _patiently(self, news: AccountNews | None) -> None:
        pause = RETRY_SECONDS_MIN
        while True:
            try:
                return await self._work(news)
            except DatabaseError:
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(RETRY_SECONDS_MAX, pause * 2)

    async def _work(self, news: AccountNews | None) -> None:
        if news is None:
            # Nothing is left to erase up to here.
            if not self._removed and self._seen > self._saved:
                seen = self._seen
                await self._archive.append(POSITION, seen, ())
                self._saved = seen
            return
        async with self._deciding:
            count = await self._archive.erase(self._accounts.bare(news), news.removed_us)
        names.ERASED.add(by=count)
        log.info("an archive was erased", extra={"messages": count})
