"""The questions of one shard: each is answered behind what was said before it, or its asker is told no in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from natter.bus.api import BusError
from natter.bus.directory import Directory
from natter.bus.progress import Progress
from natter.proto.v1.bus_pb2 import Frame
from natter.storage.database import DatabaseError

from . import replies
from .batch import Item
from .queries import BEHIND_SECONDS_MAX, Queries
from .reached import Reached

log = logging.getLogger(__name__)

# After that long the asker is told to try again.
ANSWER_SECONDS_MAX: Final = 15.0
# How often the directory is asked for somebody whom its replica does not show.
ASKED_MAX: Final = 5


class Questions:
    """Of a shard. `send` takes each frame of an answer; `at_once_max` are answered at the same time."""

    def __init__(
        self,
        progress: Progress,
        directory: Directory,
        queries: Queries,
        reached: Reached,
        send: Callable[[Item, Frame], None],
        *,
        at_once_max: int,
    ) -> None:
        self._progress = progress
        self._directory = directory
        self._queries = queries
        self._reached = reached
        self._send = send
        self._at_once = asyncio.Semaphore(at_once_max)
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many are not answered yet."""
        return len(self._tasks)

    def take(self, item: Item) -> None:
        """A question of an entry that was begun. The entry is not done before the answer is stored."""
        self._progress.expect(item.sequence)
        task = asyncio.create_task(self._ask(item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop; the next holder of the shard answers what was not."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, item: Item) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._answer(item)
        except (DatabaseError, TimeoutError):
            self._unable(item)
        except Exception as error:
            # What was asked stays out of the log.
            log.error("a question could not be answered: %s", type(error).__name__)
            self._send(item, replies.error(item.frame, "internal-server-error"))
        # Not where it was cancelled: then it is not answered.
        self._progress.done(item.sequence)

    async def _answer(self, item: Item) -> None:
        if not await there(self._directory, item.frame.session):
            # Who has left is owed nothing.
            return
        reached = self._reached
        await reached.until(lambda: reached.done >= item.sequence)
        if item.frame.heard:
            # What other gateways have told the asker may still be on its way here.
            heard = {mark.source: (mark.sequence, mark.index) for mark in item.frame.heard}
            await reached.knows(heard, BEHIND_SECONDS_MAX)
        async with self._at_once:
            async for frame in self._queries.answer(item.frame, reached):
                self._send(item, frame)

    def _unable(self, item: Item) -> None:
        """The database is away, or too slow."""
        if item.frame.type in ("get", "set"):
            self._send(item, replies.unable(item.frame))


async def there(directory: Directory, session: str) -> bool:
    """Whether a session is connected somewhere. Where the replica does not show it, it may lag behind the log."""
    for _ in range(ASKED_MAX):
        if directory.by_session(session) is not None:
            return True
        try:
            await directory.sync()
        except BusError as error:
            log.debug("the directory does not answer: %r", error)
            continue
        break
    return directory.by_session(session) is not None
