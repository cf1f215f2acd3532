"""The user's shard hears of every account that was removed, also when the process that removed it died with it.

The journals of the accounts are the source. The holder of the account shard follows them all and keeps its position;
what it says twice, presence knows by the removal's place in JOURNALS. A name that is taken again is told about before
(book.py), so that the new user finds nothing of the old one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import DecodeError
from natter.bus import subjects
from natter.bus.api import Bus, BusError, Entry, PublishUnknown, Subscription
from natter.bus.blocklists import Blocklists
from natter.bus.kv import Bucket
from natter.bus.removal import AccountNews, news_of, removal_frame
from natter.proto.v1 import bus_pb2
from natter.telemetry import names

log = logging.getLogger(__name__)

SOURCE = "accounts"
POSITION = "removals"
# A publish whose outcome is unknown is repeated, this often in all; then the asker or the follower tries again.
ATTEMPTS_MAX = 3
RETRY_SECONDS_MAX = 2.0
# Entries read and not yet looked at; above it reading stops for a while.
ENTRIES_MAX = 4096
# A position without a removal is saved this seldom: so many entries are looked at again.
ENTRIES_UNSAVED_MAX = 1000

T = TypeVar("T")
Tell = Callable[[AccountNews], Awaitable[None]]


class Teller:
    """Puts removals into the shards of their users."""

    def __init__(self, bus: Bus, *, domain: str, user_shards: int) -> None:
        self._bus = bus
        self._blocklists = Blocklists(bus)
        self._domain = domain
        self._user_shards = user_shards

    async def tell(self, news: AccountNews) -> None:
        """Returns when it is stored. Raises `BusError`: it may be or not; say it again."""
        bare = f"{news.username}@{self._domain}"
        await self._blocklists.forget(bare)
        subject = subjects.shard("user", subjects.shard_of(bare, self._user_shards))
        frame = removal_frame(bare, news.revision, news.removed_us)
        payload = bus_pb2.Envelope(source=SOURCE, frames=[frame]).SerializeToString()
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                await self._bus.publish(subject, payload, msg_id=f"{POSITION}.{news.revision}")
                return
            except PublishUnknown:
                if attempt == ATTEMPTS_MAX:
                    raise


class Follower:
    """Reads the journals of all accounts from the saved position on. `failed` is called when it cannot go on."""

    def __init__(self, bus: Bus, tell: Tell, *, failed: Callable[[], None]) -> None:
        self._bus = bus
        self._tell = tell
        self._failed = failed
        self._positions = Bucket(bus, subjects.POSITIONS)
        self._saved = self._position = 0
        self._entries: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._paused = False
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin behind the saved position."""
        found = await self._positions.get(POSITION)
        position = int(found.value) if found is not None else 0
        # A js_stream that was lost starts again at 1.
        if position > await self._bus.last_sequence(subjects.JOURNALS):
            position = 0
        self._saved = self._position = position
        self._subscription = await self._bus.subscribe(
            subjects.JOURNALS, (subjects.journals("account"),), self._take, start=position + 1
        )
        self._task = asyncio.create_task(self._work(), name=POSITION)
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop; what was told and not saved is told again."""
        if self._subscription is not None:
            await self._subscription.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("telling of removed accounts stopped: %r", task.exception())
            self._failed()

    def _take(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._arrived.set()
        if len(self._entries) >= ENTRIES_MAX and self._subscription is not None and not self._paused:
            self._paused = True
            self._subscription.pause()

    async def _work(self) -> None:
        while True:
            while not self._entries:
                self._arrived.clear()
                await self._arrived.wait()
            entry = self._entries[0]
            news = read(entry)
            if news is not None and news.removed_us:
                await self._patiently(self._tell, news)
            self._entries.popleft()
            self._position = entry.sequence
            if (news is not None and news.removed_us) or self._position - self._saved >= ENTRIES_UNSAVED_MAX:
                await self._patiently(self._save, self._position)
            if self._paused and self._subscription is not None and not self._entries:
                self._paused = False
                self._subscription.resume()

    async def _save(self, position: int) -> None:
        await self._positions.put(POSITION, b"%d" % position)
        self._saved = position

    async def _patiently(self, work: Callable[[T], Awaitable[None]], what: T) -> None:
        pause = 0.05
        while True:
            try:
                return await work(what)
            except BusError:
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(RETRY_SECONDS_MAX, pause * 2)


def read(entry: Entry) -> AccountNews | None:
    """What an entry says. One that cannot be read is counted and passed over: nothing waits behind it for ever."""
    try:
        return news_of(entry)
    except DecodeError:
        names.POISON.add(subjects.JOURNALS)
        log.error("an entry of an account's journal cannot be read", extra={"sequence": entry.sequence})
        return None
