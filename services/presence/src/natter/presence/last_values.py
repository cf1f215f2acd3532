"""Writing last values: per key one write in flight, the newest value wins, repeated until stored."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from natter.bus.api import BusError, WrongRevision
from natter.telemetry import names

log = logging.getLogger(__name__)

BACKOFF_SECONDS_MIN = 0.05
BACKOFF_SECONDS_MAX = 2.0

Stored = Callable[[], None]
# Writes a value where the given revision stands (None: whatever stands there), and gives the new revision.
Write = Callable[[str, bytes, int | None], Awaitable[int]]
# The revision that stands under a key now; 0 for none.
Revision = Callable[[str], Awaitable[int]]


@dataclass(slots=True)
class _Key:
    payload: bytes
    stored: list[Stored] = field(default_factory=list)
    # A newer value came while one was in flight.
    newer: bytes | None = None
    newer_stored: list[Stored] = field(default_factory=list)


class LastValues:
    """The values of one shard. What is superseded before it was written counts as stored when its successor is."""

    def __init__(self, write: Write, revision: Revision, revisions: dict[str, int] | None = None) -> None:
        self._write = write
        self._revision = revision
        self._revisions = revisions if revisions is not None else {}
        self._keys: dict[str, _Key] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Keys whose newest value is not stored yet."""
        return len(self._keys)

    def put(self, key: str, payload: bytes, stored: Stored) -> None:
        """Write `payload`, empty for a value that ends; `stored` runs when it or a newer one is."""
        if self._closed:
            return
        flying = self._keys.get(key)
        if flying is not None:
            flying.newer = payload
            flying.newer_stored.append(stored)
            return
        self._keys[key] = _Key(payload, [stored])
        task = asyncio.create_task(self._fly(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Return when everything put so far is stored."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is not stored yet: whoever takes over repeats it."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keys.clear()

    async def _fly(self, key: str) -> None:
        state = self._keys[key]
        while True:
            await self._store(key, state)
            for stored in state.stored:
                stored()
            if state.newer is None:
                del self._keys[key]
                return
            state.payload, state.stored = state.newer, state.newer_stored
            state.newer, state.newer_stored = None, []

    async def _store(self, key: str, state: _Key) -> None:
        attempts = 0
        while True:
            payload = state.payload
            try:
                revision = await self._write(key, payload, self._revisions.get(key))
            except WrongRevision:
                # A holder that has lost the shard wrote late, or our own write was stored and the answer lost. Whoever
                # is no longer the holder is closed within the pause; who still is writes over it.
                await asyncio.sleep(BACKOFF_SECONDS_MAX / 2 if attempts == 0 else BACKOFF_SECONDS_MAX)
                await self._learn(key)
            except BusError as error:
                ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(attempts, 10))
                if attempts in (3, 30, 300):
                    log.warning("last value written %d times: %r", attempts, error)
                await asyncio.sleep(random.uniform(ceiling / 4, ceiling))
            else:
                if payload:
                    self._revisions[key] = revision
                else:
                    self._revisions.pop(key, None)
                return
            attempts += 1
            names.PUBLISH_RETRIES.add()
            if state.newer is not None:
                state.payload, state.newer = state.newer, None
                state.stored += state.newer_stored
                state.newer_stored = []

    async def _learn(self, key: str) -> None:
        try:
            self._revisions[key] = await self._revision(key)
        except BusError:
            self._revisions.pop(key, None)
