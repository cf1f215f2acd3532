"""Ordered sending to one subject: group commit, one publish in flight, repeated until stored, never overtaken."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from natter.proto.v1 import bus_pb2
from natter.telemetry import names

from . import failpoint
from .api import PAYLOAD_BYTES_MAX, Bus, BusError, PublishUnknown, StreamFull
from .batch import FRAME_HEAD_BYTES_MAX, HEADS, envelope_head, frame_head
from .subjects import stream_of

log = logging.getLogger(__name__)

BACKOFF_SECONDS_MIN = 0.05
BACKOFF_SECONDS_MAX = 1.0
# Below the deduplication window of the js_streams (120 s) by more than one attempt takes.
DOUBT_SECONDS_MAX = 90.0
LOOK_ENTRIES = 16
# How often who may not send asks whether he may.
MAY_SECONDS = 0.02

Stored = Callable[[], None]


@dataclass(slots=True, eq=False)
class Wall:
    """What was added behind it waits until it is open. `ahead`: frames that wait in front of it."""

    ahead: int
    open: bool = False


class Sender:
    """Frames of one source for one subject.

    `add` never waits: look at `waiting_bytes` and stop adding (back-pressure) when it is too high. All frames of a
    loop turn leave as one envelope; what is added while that is in flight waits and leaves as the next. A publish whose
    outcome is unknown is repeated with the same message id, so it is stored once, and nothing passes it. `may` is asked
    before each publish: while it says no (the lease may be lost), what is there waits.
    """

    def __init__(
        self,
        bus: Bus,
        subject: str,
        source: str,
        *,
        publisher: str,
        bytes_max: int = 256 * 1024,
        frames_max: int = 4096,
        may: Callable[[], bool] | None = None,
    ) -> None:
        self._bus = bus
        self._subject = subject
        self._head = envelope_head(source)
        # The frame limit is the server's payload limit: what could never be published must not block what follows.
        self._frame_bytes_max = PAYLOAD_BYTES_MAX - len(self._head) - FRAME_HEAD_BYTES_MAX
        self._bytes_max = min(bytes_max, self._frame_bytes_max)
        self._frames_max = frames_max
        self._may = may
        # "lane", "deliver", "shard": a label of metrics.
        self._log = subject.split(".", 2)[1]
        self._loop = asyncio.get_running_loop()
        # Unique per Sender too: two of one process may have the same source and subject one after the other.
        self._ids: Iterator[str] = map(f"{publisher}.{secrets.token_hex(6)}.{{}}".format, count())
        self._waiting: deque[tuple[bytes, Stored | list[Stored] | None]] = deque()
        self._waiting_bytes = 0
        # Rare, see `behind`; and whether everything stands still because of the first one.
        self._walls: deque[Wall] = deque()
        self._halted = False
        # The batch in flight.
        self._payload = b""
        self._id = ""
        self._stored: list[Stored] = []
        self._frames = 0
        self._attempts = 0
        # Told True when the js_stream is full, and False when it has taken the batch.
        self.on_full: Callable[[bool], None] | None = None
        self._full = False
        self._last_sequence = 0
        # Since when (loop time) an attempt of this batch may have been stored without our knowing; 0: surely not.
        self._doubtful_since = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._busy = False
        self._closed = False
        self._timer: asyncio.Handle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, frame: bus_pb2.Frame, stored: Stored | None = None) -> None:
        """Send `frame` after all that were added before. `stored` runs when it is acknowledged.

        ValueError: the frame can never fit into a NATS message.
        """
        self.add_encoded((frame.SerializeToString(),), stored)

    def add_encoded(self, frames: Sequence[bytes], stored: Stored | None = None) -> None:
        """`add` for frames that are encoded already. `stored` runs when the last of them is acknowledged."""
        for raw in frames:
            if len(raw) > self._frame_bytes_max:
                raise ValueError(f"frame of {len(raw)} bytes is above {self._frame_bytes_max}")
            self._waiting_bytes += len(raw)
            self._waiting.append((raw, None))
        if stored is not None:
            self._waiting[-1] = (self._waiting[-1][0], stored)
        if not self._busy and not self._closed:
            self._busy = True
            self._idle.clear()
            self._timer = self._loop.call_soon(self._next)

    def when_stored(self, callback: Stored) -> None:
        """Call `callback` once everything added so far is stored, at once where it is; never after `close`."""
        if self._closed:
            return
        if self._waiting:
            raw, before = self._waiting[-1]
            if isinstance(before, list):
                before.append(callback)
            else:
                self._waiting[-1] = (raw, callback if before is None else [before, callback])
        elif self._frames:
            self._stored.append(callback)
        else:
            callback()

    def behind(self, other: Sender) -> None:
        """What is added from here on leaves when all that `other` has by now is stored: it must not pass it."""
        if self._closed or not other.waiting_frames:
            return
        wall = Wall(len(self._waiting))
        self._walls.append(wall)

        def stored() -> None:
            wall.open = True
            if self._halted:
                self._halted = False
                self._next()

        other.when_stored(stored)

    @property
    def subject(self) -> str:
        """Where the frames go."""
        return self._subject

    @property
    def last_sequence(self) -> int:
        """Where the last envelope of this sender is stored; 0: none yet."""
        return self._last_sequence

    @property
    def waiting_frames(self) -> int:
        """Frames not yet stored."""
        return len(self._waiting) + self._frames

    @property
    def waiting_bytes(self) -> int:
        """Bytes not yet stored."""
        return self._waiting_bytes + len(self._payload)

    async def drain(self) -> None:
        """Return when everything added so far and meanwhile is stored, or the sender was closed."""
        await self._idle.wait()

    async def close(self) -> None:
        """Give up what is not stored yet, without a word to anybody: whoever takes over repeats it."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
        self._waiting.clear()
        self._walls.clear()
        self._halted = False
        self._stored = []
        self._waiting_bytes = self._frames = 0
        self._payload = b""
        self._idle.set()

    def _next(self) -> None:
        """Take a batch from what waits, and send it."""
        if not self._waiting:
            self._busy = False
            self._idle.set()
            return
        waiting, room, frames_max = self._waiting, self._bytes_max, self._frames_max
        if self._walls:
            frames_max = min(frames_max, self._before_wall())
            if not frames_max:
                self._halted = True
                return
        parts = [self._head]
        stored: list[Stored] = []
        taken = 0
        if self._waiting_bytes <= room and len(waiting) < frames_max:
            # The usual case: everything that waits.
            taken = self._waiting_bytes
            for raw, callback in waiting:
                size = len(raw)
                parts += (HEADS[size] if size < len(HEADS) else frame_head(size), raw)
                if callback is not None:
                    _gather(stored, callback)
            waiting.clear()
        while waiting and len(parts) < frames_max * 2:
            raw, callback = waiting[0]
            size = len(raw)
            if taken and taken + size > room:
                break
            waiting.popleft()
            taken += size
            parts.append(frame_head(size))
            parts.append(raw)
            if callback is not None:
                _gather(stored, callback)
        self._waiting_bytes -= taken
        self._payload = b"".join(parts)
        self._frames = len(parts) >> 1
        names.BATCH_FRAMES.record(self._frames, self._log)
        for wall in self._walls:
            wall.ahead -= self._frames
        self._stored = stored
        self._id = next(self._ids)
        self._attempts = 0
        self._publish()

    def _before_wall(self) -> int:
        """How many frames may leave."""
        walls = self._walls
        while walls and walls[0].open:
            walls.popleft()
        return walls[0].ahead if walls else self._frames_max

    def _publish(self) -> None:
        if self._may is not None and not self._may():
            # A holder that stood still: somebody else may have sent this, and more. Closed soon, or allowed again.
            self._timer = self._loop.call_later(MAY_SECONDS, self._publish)
            return
        if failpoint.armed:
            failpoint.hit(failpoint.MID_BATCH)
        future = self._bus.publish(self._subject, self._payload, msg_id=self._id)
        future.add_done_callback(self._acknowledged)

    def _acknowledged(self, future: asyncio.Future[int]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if self._closed:
            return
        if error is not None:
            self._again(error)
        else:
            self._succeed(future.result())

    def _succeed(self, sequence: int) -> None:
        """The batch is stored: tell, and go on."""
        if failpoint.armed:
            failpoint.hit(failpoint.AFTER_APPEND)
        self._last_sequence = sequence
        self._doubtful_since = 0.0
        if self._full:
            self._tell_full(False)
        stored, self._stored = self._stored, []
        self._payload = b""
        self._frames = 0
        for callback in stored:
            try:
                callback()
            except Exception:
                log.exception("stored callback failed", extra={"subject": self._subject})
        if not self._closed:
            self._next()

    def _again(self, error: BaseException) -> None:
        """Unknown, unavailable or full: the same bytes with the same id, later. Jitter: nobody marches in step."""
        self._attempts += 1
        names.PUBLISH_RETRIES.add()
        if isinstance(error, StreamFull):
            names.STREAM_FULL.add()
            if not self._full:
                self._tell_full(True)
        elif isinstance(error, PublishUnknown):
            self._doubtful_since = self._doubtful_since or self._loop.time()
        if self._attempts in (3, 30, 300):
            log.warning("publish repeated %d times: %r", self._attempts, error, extra={"subject": self._subject})
        ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(self._attempts, 10))
        self._timer = self._loop.call_later(random.uniform(ceiling / 4, ceiling), self._repeat)

    def _tell_full(self, full: bool) -> None:
        self._full = full
        if self.on_full is not None:
            self.on_full(full)

    def _repeat(self) -> None:
        if self._doubtful_since and self._loop.time() - self._doubtful_since > DOUBT_SECONDS_MAX:
            self._looking = self._loop.create_task(self._look())
        else:
            self._publish()

    async def _look(self) -> None:
        """The server may have forgotten the id of an attempt that it stored: look whether the batch is there."""
        after = self._last_sequence
        try:
            while True:
                entries = await self._bus.read(stream_of(self._subject), self._subject, after=after, limit=LOOK_ENTRIES)
                found = next((entry for entry in entries if entry.payload == self._payload), None)
                if found is not None or not entries:
                    break
                after = entries[-1].sequence
        except BusError as error:
            if not self._closed:
                self._again(error)
            return
        if self._closed:
            return
        if found is not None:
            self._succeed(found.sequence)
        else:
            self._doubtful_since = 0.0
            self._publish()


def _gather(stored: list[Stored], more: Stored | list[Stored]) -> None:
    if isinstance(more, list):
        stored += more
    else:
        stored.append(more)


class Senders:
    """The senders of one source, by destination. Idle ones above `idle_max` are forgotten, longest unused first."""

    def __init__(
        self, bus: Bus, source: str, publisher: str, *, idle_max: int = 1024, may: Callable[[], bool] | None = None
    ) -> None:
        self._bus = bus
        self._may = may
        self._source = source
        self._publisher = publisher
        self._idle_max = idle_max
        self._senders: OrderedDict[str, Sender] = OrderedDict()

    def to(self, subject: str) -> Sender:
        """The sender for `subject`. Use it at once: an idle one may be replaced later."""
        sender = self._senders.get(subject)
        if sender is not None:
            self._senders.move_to_end(subject)
            return sender
        sender = self._senders[subject] = Sender(
            self._bus, subject, self._source, publisher=self._publisher, may=self._may
        )
        if len(self._senders) > self._idle_max:
            self._trim()
        return sender

    def add(self, subject: str, frame: bus_pb2.Frame, stored: Stored | None = None) -> None:
        """Send `frame` to `subject` after all that went there before."""
        self.to(subject).add(frame, stored)

    def moved(self, before: str, after: str) -> None:
        """Somebody who was sent to at subject `before` is sent to at `after` from here on, in the same order."""
        old = self._senders.get(before)
        if old is not None and before != after:
            self.to(after).behind(old)

    def waiting(self) -> list[Sender]:
        """The senders that have something not yet stored."""
        return [sender for sender in self._senders.values() if sender.waiting_frames]

    @property
    def waiting_bytes(self) -> int:
        """Bytes not yet stored, all destinations."""
        return sum(sender.waiting_bytes for sender in self._senders.values())

    async def drain(self) -> None:
        """Return when all of it is stored."""
        for sender in list(self._senders.values()):
            await sender.drain()

    async def close(self) -> None:
        """Give up what is not stored yet."""
        for sender in self._senders.values():
            await sender.close()
        self._senders.clear()

    def _trim(self) -> None:
        newest = next(reversed(self._senders))
        for subject, sender in list(self._senders.items()):
            if len(self._senders) <= self._idle_max:
                return
            if subject != newest and not sender.waiting_frames:
                del self._senders[subject]
