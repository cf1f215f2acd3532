"""One held shard at work: opened from its saved position, fed in order, restarted when it fails, saved as it goes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Protocol

from natter.telemetry import names

from . import failpoint, subjects
from .api import Bus, BusError, Entry, Subscription, WrongRevision
from .kv import Bucket
from .progress import Progress
from .trim import trim

log = logging.getLogger(__name__)

# An entry that `take` refused this often is parked.
ATTEMPTS_MAX = 3
BACKOFF_SECONDS_MAX = 5.0
# How often a full worker is asked whether it still is.
FULL_SECONDS = 0.01
# How long a shard that is given up in peace may wait for its outputs to be stored.
DRAIN_SECONDS_MAX = 2.0
CLOSE_SECONDS_MAX = 5.0
IN_FLIGHT_MAX = 64


@dataclass(slots=True, eq=False)
class Shard:
    """What a worker is told. `position` is where it stood: the first entry it gets lies behind it."""

    kind: str
    number: int
    name: str
    progress: Progress
    position: int
    on_restart: Callable[[], None] = field(repr=False)
    # Whether the lease is certainly ours now: what a holder sends otherwise may come too late.
    held: Callable[[], bool] = field(default=lambda: True, repr=False)
    # What a worker wanted to be stored with the position that it starts from, and the position that is stored now.
    note: str = ""
    saved: int = 0

    def restart(self) -> None:
        """Close this worker and open another one from the saved position."""
        self.on_restart()


class Worker(Protocol):
    """Does a shard's work. May have `full() -> bool`: while true, nothing more is given to it.

    May have `note(position) -> str`: stored in one write with the position.
    """

    def take(self, entry: Entry) -> None:
        """Work on one entry, synchronously: `begin`, `expect`, `finish` of the shard's progress for its sequence."""

    async def close(self) -> None:
        """Stop; give up what is not stored yet."""


OpenShard = Callable[[Shard], Awaitable[Worker]]


def stream_of(kind: str, number: int) -> tuple[str, str]:
    """js_stream and subject that a shard reads."""
    if kind == "lane":
        return subjects.LANES, subjects.lane(number)
    if kind == "archive":
        return subjects.ARCHIVE, subjects.archive(number)
    return subjects.SHARDS, subjects.shard(kind, number)


class ShardRunner:
    """Keeps one shard's worker going until `stop`. `deadline`: until when (monotonic) the lease is surely ours."""

    def __init__(
        self, bus: Bus, kind: str, number: int, *, open_shard: OpenShard, deadline: Callable[[str], float]
    ) -> None:
        self.name = f"{kind}.{number}"
        self.number = number
        self.shard: Shard | None = None
        self._bus = bus
        self._kind = kind
        self._stream, self._subject = stream_of(kind, number)
        self._open_shard = open_shard
        self._deadline = deadline
        self._positions = Bucket(bus, subjects.POSITIONS)
        self._parked = Bucket(bus, subjects.PARKED)
        self._loop = asyncio.get_running_loop()
        self._revision = 0
        self._saved = 0
        # The newest sequence that was taken, and whether the js_stream was lost since then.
        self._newest = 0
        self._lost = False
        self._saving = asyncio.Lock()
        self._worker: Worker | None = None
        self._full: Callable[[], bool] | None = None
        self._note: Callable[[int], str] | None = None
        self._subscription: Subscription | None = None
        self._waiting = False
        self._restart = asyncio.Event()
        self._stopped = False
        # Sequence that failed last, how often, and why.
        self._failed = (0, 0)
        self._reason = ""
        self._task = self._loop.create_task(self._run())

    @property
    def moved(self) -> bool:
        """Whether the position is further than it was when it was saved."""
        return self.shard is not None and self.shard.progress.position != self._saved

    async def save(self, *, force: bool = False) -> None:
        """Write the position if it has moved. `WrongRevision`: somebody else has opened the shard."""
        async with self._saving:
            shard = self.shard
            if shard is None or (shard.progress.position == self._saved and not force):
                return
            position = shard.progress.position
            value = str(position) if self._note is None else f"{position} {self._note(position)}"
            self._revision = await self._positions.update(self.name, value.encode(), self._revision)
            self._saved = shard.saved = position

    @property
    def backlog(self) -> int:
        """Entries that are waiting or at work."""
        if self.shard is None or self._subscription is None:
            return 0
        return self._subscription.behind + self.shard.progress.open_sequences

    async def trim(self) -> bool:
        """Let go of what was worked on, where the log is filling up; False: its js_stream is not."""
        return self.shard is None or await trim(self._bus, self._stream, self._subject, self._saved)

    async def stop(self, *, graceful: bool) -> None:
        """End the work. `graceful`: let outputs be stored and save the position; otherwise the shard is not ours."""
        if self._subscription is not None:
            await self._subscription.stop()
        if graceful and self.shard is not None:
            await self._drain(self.shard.progress)
            await self._try_save()
        # A cancellation may be swallowed by whatever the task awaits: the flag is not.
        self._stopped = True
        self._restart.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._close()
        if graceful:
            await self._try_save()
        self.shard = None

    async def _try_save(self) -> None:
        try:
            await self.save()
        except BusError as error:
            log.debug("%s: position not saved: %r", self.name, error)

    def restart(self) -> None:
        """Close the worker and open it again from the saved position."""
        self._restart.set()

    async def _drain(self, progress: Progress) -> None:
        end = self._loop.time() + DRAIN_SECONDS_MAX
        while progress.open_sequences and self._loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(FULL_SECONDS)

    async def _run(self) -> None:
        attempt = 0
        while not self._stopped:
            self._restart.clear()
            try:
                await self._open()
                opened = self._loop.time()
                await self._restart.wait()
                attempt = attempt + 1 if self._loop.time() < opened + 10.0 else 1
            except (Exception, ExceptionGroup):
                attempt += 1
                log.exception("%s: could not be opened", self.name)
            if self._stopped:
                return
            await self._close()
            await self._try_save()
            ceiling = min(BACKOFF_SECONDS_MAX, 0.05 * 2 ** min(attempt, 10))
            await asyncio.sleep(random.uniform(ceiling / 2, ceiling))

    async def _open(self) -> None:
        position, note = await self._take_position()
        # A js_stream that was lost starts again at 1, unless it rises: those in memory do.
        if self._lost or position > await self._bus.last_sequence(self._stream):
            position, note = 0, ""
        self._newest, self._lost = 0, False
        self._saved = position
        self._waiting = False
        shard = Shard(
            self._kind,
            self.number,
            self.name,
            Progress(position),
            position,
            self.restart,
            self._held,
            note,
            position,
        )
        self._worker = worker = await self._open_shard(shard)
        self._full = getattr(worker, "full", None)
        self._note = getattr(worker, "note", None)
        self.shard = shard
        self._subscription = await self._bus.subscribe(
            self._stream,
            (self._subject,),
            self._take,
            start=self._begin(worker, position) + 1,
            in_flight_max=IN_FLIGHT_MAX,
        )

    @staticmethod
    def _begin(worker: Worker, position: int) -> int:
        """Behind which entry to read. A worker with a memory of its own may want what that has not seen."""
        return min(position, int(getattr(worker, "knows_until", position)))

    def _held(self) -> bool:
        return monotonic() <= self._deadline(self.name)

    async def _take_position(self) -> tuple[int, str]:
        """Read the position and write it again: an earlier holder that believes in itself cannot save any more."""
        while True:
            found = await self._positions.get(self.name)
            try:
                if found is None:
                    self._revision = await self._positions.create(self.name, b"0")
                    return 0, ""
                self._revision = await self._positions.update(self.name, found.value, found.revision)
                position, _, note = found.value.decode().partition(" ")
                return int(position), note
            except WrongRevision:
                continue

    async def _close(self) -> None:
        subscription, self._subscription = self._subscription, None
        worker, self._worker = self._worker, None
        if subscription is not None:
            await subscription.stop()
        if worker is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await worker.close()
        except Exception:
            log.exception("%s: worker did not close", self.name)

    def _take(self, entry: Entry) -> None:
        worker, shard = self._worker, self.shard
        if worker is None or shard is None or self._restart.is_set():
            return
        if failpoint.armed:
            failpoint.hit(failpoint.BEFORE_WORK)
        sequence = entry.sequence
        if sequence <= self._newest:
            log.warning("%s: its log was lost and begins again", self.name)
            self._lost = True
            self._restart.set()
            return
        self._newest = sequence
        if self._failed[0] == sequence and self._failed[1] >= ATTEMPTS_MAX:
            self._park(shard, entry)
            return
        try:
            worker.take(entry)
        except Exception as error:
            self._failed = (sequence, self._failed[1] + 1 if self._failed[0] == sequence else 1)
            self._reason = reason_of(error)
            log.exception("%s: entry %d failed, attempt %d", self.name, sequence, self._failed[1])
            self._restart.set()
            return
        if (self._full is not None and self._full()) or monotonic() > self._deadline(self.name):
            self._wait()

    def _wait(self) -> None:
        """Take nothing while the worker is full, or while the lease may not be ours."""
        if self._subscription is None:
            return
        if not self._waiting:
            self._subscription.pause()
            self._waiting = True
        self._loop.call_later(FULL_SECONDS, self._look)

    def _look(self) -> None:
        if (self._full is not None and self._full()) or monotonic() > self._deadline(self.name):
            self._wait()
            return
        self._waiting = False
        if self._subscription is not None:
            self._subscription.resume()

    def _park(self, shard: Shard, entry: Entry) -> None:
        """Note a poison entry; the position passes it once that is written. Never what is in it."""
        names.POISON.add(self._stream)
        log.error("%s: entry %d is parked", self.name, entry.sequence)
        shard.progress.begin(entry.sequence)
        note = {
            "js_stream": self._stream,
            "subject": entry.subject,
            "sequence": entry.sequence,
            "bytes": len(entry.payload),
            "attempts": self._failed[1],
            "reason": self._reason,
            "time": time(),
        }
        task = self._loop.create_task(self._parked.put(f"{self.name}.{entry.sequence}", json.dumps(note).encode()))

        def on_done(done: asyncio.Task[int]) -> None:
            if done.cancelled() or done.exception() is not None:
                # Not written anywhere yet: come back to it.
                log.error("%s: entry %d could not be parked", self.name, entry.sequence)
                shard.restart()
            else:
                shard.progress.finish(entry.sequence)

        task.add_done_callback(on_done)


def reason_of(error: Exception) -> str:
    """What went wrong and where. Without the error's text, which may quote the entry."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
