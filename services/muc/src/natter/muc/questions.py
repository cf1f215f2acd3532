"""Questions about the past of rooms: looked up beside the turns, so that no room waits for another one's archive."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from natter.bus.api import BusError
from natter.bus.holder import Shard
from natter.telemetry import names

from .archive import Archives
from .post import Post
from .room.past import Pending
from .room.refusal import refusal
from .room.request import Output, Question, Refused
from .shardwork import Input, Office

log = logging.getLogger(__name__)

# Under way at once, of all and of one user; resource-constraint.
QUESTIONS_MAX: Final = 64
QUESTIONS_EACH_MAX: Final = 16
# Looked up at once, the others wait: what reads a whole archive keeps the loop busy.
AT_ONCE_MAX: Final = 4


@dataclass(slots=True)
class Questions:
    """Of one shard. An input that asks is done when its answer is stored."""

    office: Office
    shard: Shard
    post: Post
    archives: Archives
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX))
    # Questions under way by bare JID.
    _askers: Counter[str] = field(default_factory=Counter)

    def ask(self, question: Question, source: Input, pending: tuple[Pending, ...]) -> None:
        """Begin to look it up. `pending`: what the room's chapters do not have yet."""
        if source.position:
            self.shard.progress.expect(source.position)
        task = asyncio.get_running_loop().create_task(self._answer(question, source, pending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop. What was not answered is asked again of the next holder."""
        ending = list(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _answer(self, question: Question, source: Input, pending: tuple[Pending, ...]) -> None:
        outputs = await self._outputs(question, pending)
        await self.post.meet(outputs)
        for output in outputs:
            self.post.send(output, 0, 0, source.frame.accepted_us, "", partial(self._expect, source.position))
        if source.position:
            self.shard.progress.done(source.position)

    async def _outputs(self, question: Question, pending: tuple[Pending, ...]) -> list[Output]:
        try:
            with self._asking(question.request.bare):
                async with self._gate:
                    return await self.archives.answer(question, pending, self.office.now_us())
        except Refused as refused:
            return [refusal(question.request, refused)]
        except BusError as error:
            log.warning("%s: an archive cannot be read: %r", self.shard.name, error)
        except Exception:
            names.POISON.add("SHARDS")
            log.exception("%s: a question failed", self.shard.name)
        return [refusal(question.request, Refused("internal-server-error", type="wait"))]

    @contextmanager
    def _asking(self, bare: str) -> Iterator[None]:
        if len(self._tasks) > QUESTIONS_MAX or self._askers[bare] >= QUESTIONS_EACH_MAX:
            raise Refused("resource-constraint", "Too much is asked of archives now.", type="wait")
        self._askers[bare] += 1
        try:
            yield
        finally:
            self._askers[bare] -= 1
            if not self._askers[bare]:
                del self._askers[bare]

    def _expect(self, position: int) -> Callable[[], None]:
        """One more frame must be stored before the input is done. 0: nobody waits."""
        if not position:
            return _nobody
        self.shard.progress.expect(position)
        return partial(self.shard.progress.done, position)


def _nobody() -> None:
    """Nobody waits for it."""
