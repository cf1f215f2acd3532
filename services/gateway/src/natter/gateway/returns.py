"""Deliveries whose session has left: which of them go back to the lane, and when."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field

from natter.bus.returning import as_lane_frame, returnable
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import DROPPED, RETURNED

# How long the routers may take to see that the directory has changed.
SETTLE_SECONDS = 0.1


@dataclass(slots=True)
class Returns:
    """What waits to be handed back, in order. With `returns_max` frames no more deliveries are read until half is gone.

    `put` adds a frame to the lane, `later(seconds, callback)` is the loop's timer, `full()` says that the lane takes no
    more now.
    """

    put: Callable[[bus_pb2.Frame], None]
    later: Callable[[float, Callable[[], None]], object]
    full: Callable[[], bool]
    returns_max: int
    waiting: deque[bus_pb2.Frame] = field(default_factory=deque)
    # Sessions that are over and still in the directory, and what came for them meanwhile: routed again now, it would
    # only come again, and before what the session itself has left unwritten.
    leaving: dict[str, list[bus_pb2.Frame]] = field(default_factory=dict)
    count: int = 0
    scheduled: bool = False
    # A frame for several sessions, all of which have left, goes back once.
    last: bus_pb2.Frame | None = None
    # Told True when too much waits, and False when that is over.
    crowded: Callable[[bool], None] = field(default=lambda _: None)
    is_crowded: bool = False
    # So many have waited so far, and so many of them are in the lane's hands.
    queued: int = 0
    given: int = 0

    def give_back(self, frame: bus_pb2.Frame, session: str, present: Container[str] = ()) -> None:
        """Hand back a frame for `session`, which is not here.

        Not so when another of its sessions is `present` here and got it, or when nobody is owed it.
        """
        if not returnable(frame):
            DROPPED.add(bus_pb2.Kind.Name(frame.kind)[5:].lower())
            return
        if frame is self.last or any(name in present for name in frame.sessions):
            return
        self.last = frame if len(frame.sessions) > 1 else None
        RETURNED.add()
        self.count += 1
        if self.count >= self.returns_max and not self.is_crowded:
            self.is_crowded = True
            self.crowded(True)
        queue = self.leaving.get(session)
        if queue is not None:
            queue.append(as_lane_frame(frame))
            return
        self._queue((as_lane_frame(frame),))
        # A frame that was back before would only come back again: routers need a moment.
        self._schedule(SETTLE_SECONDS if frame.returned else 0.0)

    def leave(self, session: str) -> None:
        """The session is over. What comes for it waits until `left`."""
        self.leaving[session] = []

    def part(self, session: str, unwritten: Iterable[bus_pb2.Frame], present: Container[str] = ()) -> None:
        """Some of what the session had not written goes back. What has come for it since then stays behind."""
        late, self.leaving[session] = self.leaving[session], []
        for frame in unwritten:
            self.give_back(frame, session, present)
        self._queue(self.leaving[session])
        self.leaving[session] = late
        if self.waiting:
            self._schedule(SETTLE_SECONDS)

    def left(self, session: str, unwritten: Iterable[bus_pb2.Frame], present: Container[str] = ()) -> None:
        """The session has gone from the directory: what it had not written goes back, then what came afterwards."""
        self.part(session, unwritten, present)
        self._queue(self.leaving.pop(session))
        if self.waiting:
            self._schedule(SETTLE_SECONDS)

    async def room(self) -> None:
        """Return when there is room for more."""
        while len(self.waiting) > self.returns_max // 2:  # noqa: ASYNC110 - it is the lane that must take some
            await asyncio.sleep(SETTLE_SECONDS)

    async def gone(self) -> None:
        """Return when everything that waits by now is in the lane's hands."""
        wanted = self.queued
        while self.given < wanted:  # noqa: ASYNC110
            await asyncio.sleep(SETTLE_SECONDS)

    def _queue(self, frames: Sequence[bus_pb2.Frame]) -> None:
        self.waiting += frames
        self.queued += len(frames)

    def _schedule(self, seconds: float) -> None:
        if not self.scheduled:
            self.scheduled = True
            self.later(seconds, self.flush)

    def flush(self) -> None:
        """Everything that waits goes into the lane, as far as it takes it."""
        self.scheduled = False
        while self.waiting and not self.full():
            self.count -= 1
            self.given += 1
            self.put(self.waiting.popleft())
        if self.is_crowded and self.count <= self.returns_max // 2:
            self.is_crowded = False
            self.crowded(False)
        if self.waiting:
            self._schedule(SETTLE_SECONDS)
