"""How far the database has got with a shard's log, and who waits for it to get further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from natter.storage.database import DatabaseError


class Reached:
    """`done`: the entry up to which everything is in the database. `known`: per source, the highest cause in it."""

    def __init__(self, done: int, known: Mapping[str, tuple[int, int]]) -> None:
        self.done = done
        self.known = dict(known)
        # Whether the database is away.
        self.failing = False
        # Who waits; for them batches are written at once.
        self.waiting = 0
        self._changed = asyncio.Event()

    def wrote(self, done: int, seen: Mapping[str, tuple[int, int]]) -> None:
        """A batch is in the database."""
        self.done = done
        self.known.update(seen)
        self.failing = False
        self._changed.set()

    def fail(self) -> None:
        """The database did not take a batch; it is tried again until it does."""
        self.failing = True
        self._changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what a batch changes. Raises `DatabaseError` at once while the database is away."""
        self.waiting += 1
        try:
            while not true():
                if self.failing:
                    raise DatabaseError("away")
                self._changed.clear()
                await self._changed.wait()
        finally:
            self.waiting -= 1

    async def reached(self, sequence: int, seconds_max: float) -> bool:
        """Wait until everything up to this entry is there; False where it takes longer."""
        return await self._within(lambda: self.done >= sequence, seconds_max)

    async def knows(self, heard: Mapping[str, tuple[int, int]], seconds_max: float) -> bool:
        """Wait until what these causes stand for is there; False where it takes longer."""
        known = self.known
        return await self._within(
            lambda: all(known.get(source, (0, 0)) >= cause for source, cause in heard.items()), seconds_max
        )

    async def _within(self, true: Callable[[], bool], seconds_max: float) -> bool:
        try:
            async with asyncio.timeout(seconds_max):
                await self.until(true)
        except TimeoutError:
            return False
        return True
