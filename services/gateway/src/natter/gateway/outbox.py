"""What a session was given and its socket has not taken yet: bounded, and handed back when the session ends first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from natter.bus.returning import keep, returnable
from natter.bus.series import expanded
from natter.proto.v1 import bus_pb2


@dataclass(slots=True)
class Outbox:
    """Bytes for one socket, joined into one write per tick. On the hot path: one `add` per stanza.

    `stalled` says that the socket took less than it was given: parts wait here then, and the frames of the write that
    is under way wait in `in_flight` until the socket has room again. Only then can the limits be reached: everybody
    else is flushed every tick.
    """

    bytes_max: int
    stanzas_max: int
    parts: list[bytes] = field(default_factory=list)
    # The frames behind `parts` that would have to go back to the lane.
    frames: list[bus_pb2.Frame] = field(default_factory=list)
    in_flight: list[bus_pb2.Frame] = field(default_factory=list)
    waiting_bytes: int = 0
    stalled: bool = False

    def add(self, stanza: bytes, frame: bus_pb2.Frame) -> bool:
        """Take a stanza and the frame it came in. False when the limit is passed: close the session."""
        self.parts.append(stanza)
        if not self.stalled:
            self.frames.append(frame)
            return True
        self.waiting_bytes += len(stanza)
        if returnable(frame):
            self.frames.append(keep(frame))
        return len(self.parts) <= self.stanzas_max and self.waiting_bytes <= self.bytes_max

    def takes(self, sizes: Sequence[int]) -> bool:
        """Whether a series of these lengths can be added as it is. As `Unacked` has it."""
        return not self.stalled

    def add_series(self, frame: bus_pb2.Frame, sizes: Sequence[int]) -> None:
        """`add` for a series that it `takes`."""
        self.parts.append(frame.stanza)
        self.frames.append(frame)

    def say(self, data: bytes) -> bool:
        """Take bytes of the gateway itself, in their place among the stanzas. False when the limit is passed."""
        self.parts.append(data)
        if not self.stalled:
            return True
        self.waiting_bytes += len(data)
        return len(self.parts) <= self.stanzas_max and self.waiting_bytes <= self.bytes_max

    def take(self) -> bytes:
        """Everything that waits, for one write. Call `sent` after it when the socket did not stall."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.waiting_bytes = 0
        self.in_flight, self.frames = self.frames, self.in_flight
        return data

    def sent(self) -> None:
        """The socket took the whole write."""
        self.in_flight.clear()

    def stall(self) -> None:
        """The socket is full: what is in flight may wait long, and must not hold the envelopes it came in."""
        self.stalled = True
        self.in_flight = [keep(one) for frame in self.in_flight if returnable(frame) for one in expanded(frame)]

    def room(self) -> None:
        """The socket has taken everything."""
        self.stalled = False
        self.in_flight.clear()

    def unwritten(self) -> list[bus_pb2.Frame]:
        """The frames that the client may not have got, in order. The outbox is empty afterwards."""
        frames = [one for f in (*self.in_flight, *self.frames) if returnable(f) for one in expanded(f)]
        self.parts.clear()
        self.frames.clear()
        self.in_flight.clear()
        self.waiting_bytes = 0
        return frames
