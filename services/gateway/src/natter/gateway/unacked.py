"""The outbox of a session under stream management: what was given stays until the client has acknowledged it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from natter.bus.returning import keep, returnable
from natter.bus.series import expanded
from natter.proto.v1 import bus_pb2
from natter.xmpp.xeps.stream_management import ASK, MASK, newly_handled

# What is read back from the log at a time.
READ_BACK_STANZAS = 200

# What was given at once: the bytes, the frame where it would have to go back to the lane, its place, and for a series
# the length of each of its messages; their places follow one another.
Given = tuple[bytes, bus_pb2.Frame | None, int, Sequence[int]]


@dataclass(slots=True)
class Cursor:
    """Where in its delivery log a gateway reads: source, sequence and position of the frame at work."""

    source: str = ""
    sequence: int = 0
    position: int = 0

    @property
    def place(self) -> int:
        """As `SessionState.places` has it."""
        return self.sequence << 16 | self.position


@dataclass(slots=True)
class Unacked:
    """Takes the place of `Outbox`, with the same verbs: stanzas in order, counted modulo 2^32 (XEP-0198 §4).

    A series stays together (ADR 17): it counts as its messages, of which some may be acknowledged and others not.

    Without a connection (`attached` false) stanzas only queue up. Above the bounds only their places are kept, at most
    `backlog_stanzas_max`: they stand in the delivery log, and are read back from there when the client has acknowledged
    what is before them (backlog.py). `ask_stanzas`: an `<r/>` goes behind so many stanzas that none was asked for yet.
    """

    bytes_max: int
    stanzas_max: int
    ask_stanzas: int
    cursor: Cursor = field(default_factory=Cursor)
    backlog_stanzas_max: int = 0
    # While the session arrives from another gateway: takes what comes from others.
    capture: Callable[[bytes, bus_pb2.Frame], None] | None = None
    parts: list[bytes] = field(default_factory=list)
    stalled: bool = False
    attached: bool = True
    # Written or waiting, and not acknowledged.
    queue: deque[Given] = field(default_factory=deque)
    queue_stanzas: int = 0
    queue_bytes: int = 0
    # So many messages of the series at the head are acknowledged.
    handled: int = 0
    # Behind the queue: places of what is in the log only, not yet written to this connection.
    backlog: array[int] = field(default_factory=lambda: array("Q"))
    # Whether some of it is being read back.
    reading: bool = False
    # The client's last `h`.
    acknowledged: int = 0
    # Stanzas since the last `<r/>`.
    unasked: int = 0
    # Bytes of the gateway itself that wait for a stalled socket.
    said_bytes: int = 0

    @property
    def given(self) -> int:
        """Stanzas given so far, modulo 2^32."""
        return (self.acknowledged + self.queue_stanzas + len(self.backlog)) & MASK

    @property
    def places(self) -> Iterator[int]:
        """Where in the log everything stands that is not acknowledged, in order."""
        of_each = (range(place, place + max(1, len(sizes))) for _, _, place, sizes in self.queue)
        return chain(islice(chain.from_iterable(of_each), self.handled, None), self.backlog)

    @property
    def oldest(self) -> int:
        """The entry of the log that holds the oldest of it; 0: there is nothing."""
        first = self.queue[0][2] if self.queue else self.backlog[0] if self.backlog else 0
        return first >> 16

    def add(self, stanza: bytes, frame: bus_pb2.Frame) -> bool:
        """Take a stanza and the frame it came in. False when the limit is passed; it was taken all the same."""
        if self.capture is not None:
            self.capture(stanza, frame)
            return True
        return self.append(stanza, frame, self.cursor.place)

    def append(self, stanza: bytes, frame: bus_pb2.Frame, place: int) -> bool:
        """`add`, also while the session arrives."""
        if self.backlog or (not self.attached and self.full):
            self.backlog.append(place)
            return len(self.backlog) <= self.backlog_stanzas_max
        self._append(stanza, frame, place)
        # With a connection: a client that does not acknowledge loses it.
        return not self.attached or not self.exceeded

    def takes(self, sizes: Sequence[int]) -> bool:
        """Whether a series of these lengths can be added as it is: within the bounds, and nothing in between."""
        return (
            self.capture is None
            and not self.backlog
            and self.queue_stanzas + len(sizes) <= self.stanzas_max
            and self.queue_bytes + sum(sizes) <= self.bytes_max
        )

    def add_series(self, frame: bus_pb2.Frame, sizes: Sequence[int]) -> None:
        """`add` for a series that it `takes`."""
        self._append(frame.stanza, frame, self.cursor.place, sizes)

    def _append(self, stanza: bytes, frame: bus_pb2.Frame, place: int, sizes: Sequence[int] = ()) -> None:
        self.queue.append((stanza, keep(frame) if returnable(frame) else None, place, sizes))
        self.queue_bytes += len(stanza)
        count = len(sizes) or 1
        self.queue_stanzas += count
        if self.attached:
            self.parts.append(stanza)
            self.unasked += count
            if self.unasked >= self.ask_stanzas:
                self.ask()

    @property
    def full(self) -> bool:
        """Whether nothing more is kept in memory."""
        return self.queue_stanzas >= self.stanzas_max or self.queue_bytes >= self.bytes_max

    @property
    def exceeded(self) -> bool:
        """Whether more is kept than should be."""
        return self.queue_stanzas > self.stanzas_max or self.queue_bytes > self.bytes_max

    def wanted(self) -> array[int]:
        """Places of what should be read back now: the client is there, and has acknowledged enough of the rest."""
        half = self.queue_stanzas <= self.stanzas_max >> 1 and self.queue_bytes <= self.bytes_max >> 1
        if not self.attached or not half:
            return self.backlog[:0]
        return self.backlog[: min(READ_BACK_STANZAS, self.stanzas_max - self.queue_stanzas)]

    def read_back(self, place: int, stanza: bytes, frame: bus_pb2.Frame) -> None:
        """Something of the backlog as it stands in the log; it goes to the client, if it is the next."""
        if self.backlog and self.backlog[0] == place and not self.full:
            del self.backlog[0]
            self._append(stanza, frame, place)

    def lost(self, place: int) -> bool:
        """The log does not have that any more."""
        if not self.backlog or self.backlog[0] != place:
            return False
        del self.backlog[0]
        return True

    def ask(self) -> None:
        """Ask the client what it has handled."""
        self.unasked = 0
        self.parts.append(ASK)

    def say(self, data: bytes) -> bool:
        """Take what is no stanza, in its place among them. False when too much waits."""
        if not self.attached:
            return True
        self.parts.append(data)
        if not self.stalled:
            return True
        self.said_bytes += len(data)
        return self.said_bytes <= self.bytes_max

    def acknowledge(self, h: int) -> bool:
        """The client has handled `h` stanzas. False: it was not sent so many."""
        count = newly_handled(self.acknowledged, self.given, h)
        if count is None:
            return False
        known = min(count, self.queue_stanzas)
        self._forget(known)
        # Written by another gateway, which kept more of it in memory.
        del self.backlog[: count - known]
        self.acknowledged = h
        return True

    def _forget(self, count: int) -> None:
        """So many stanzas at the head are acknowledged."""
        queue = self.queue
        self.queue_stanzas -= count
        while count:
            stanza, _, _, sizes = queue[0]
            left = len(sizes) - self.handled if sizes else 1
            if count < left:
                self.queue_bytes -= sum(sizes[self.handled : self.handled + count])
                self.handled += count
                return
            self.queue_bytes -= sum(sizes[self.handled :]) if self.handled else len(stanza)
            self.handled = 0
            queue.popleft()
            count -= left

    def detach(self) -> None:
        """There is no connection any more."""
        self.attached = False
        self.parts.clear()
        self.unasked = self.said_bytes = 0

    def attach(self) -> None:
        """There is a new connection: everything unacknowledged goes out again (XEP-0198 §5)."""
        self.attached = True
        handled = self.handled
        for stanza, _, _, sizes in self.queue:
            self.parts.append(stanza[sum(sizes[:handled]) :])
            # Only of the first some may be acknowledged.
            handled = 0
        if self.queue:
            self.ask()

    def take(self) -> bytes:
        """Everything that waits, for one write."""
        data = b"".join(self.parts)
        self.parts.clear()
        self.said_bytes = 0
        return data

    def sent(self) -> None:
        """The socket took the whole write: nothing to do, the client's word counts."""

    def stall(self) -> None:
        """The socket is full."""
        self.stalled = True

    def room(self) -> None:
        """The socket has taken everything."""
        self.stalled = False

    def unwritten(self) -> list[bus_pb2.Frame]:
        """The frames that the client has not acknowledged, in order; the backlog comes behind and stays."""
        frames: list[bus_pb2.Frame] = []
        for number, (_, frame, _, _) in enumerate(self.queue):
            if frame is not None:
                frames += expanded(frame)[0 if number else self.handled :]
        self.queue.clear()
        self.parts.clear()
        self.queue_stanzas = self.queue_bytes = self.handled = 0
        return frames
