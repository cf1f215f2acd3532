"""What a session is: the facts of one bound resource. Made at binding, it ends with its connection or outlives it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from natter.bus.directory import Session as Record
from natter.bus.subjects import ROOM_BITS
from natter.proto.v1 import bus_pb2
from natter.xmpp.element import attr_escape

from .outbox import Outbox
from .unacked import Unacked

# Of a session that comes from elsewhere: it may be in any room.
ROOMS_UNKNOWN = (1 << ROOM_BITS) - 1
# Above it the oldest is forgotten, and its trace ends with the write.
TRACED_STANZAS_MAX = 64


@dataclass(frozen=True, slots=True)
class Route:
    """What messages of one session to one address have in common: `head` of their frames, the normalised address."""

    head: bytes
    to: str


class Link(Protocol):
    """What a session asks of its connection."""

    def write(self) -> None:
        """Write the outbox now."""

    def end(self, condition: str, text: str = "") -> None:
        """Close the stream with this stream error."""

    def overflow(self) -> None:
        """The outbox is full: close the stream, with as little loss as can be."""

    def replaced(self) -> None:
        """The session goes on with another connection: close this one."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Availability and priority of a session, as its last presence said them (RFC 6121 §4.2, §4.7.2.3); and whether it
    has asked for carbons (XEP-0280) and for changes of the blocklist (XEP-0191)."""

    available: bool
    priority: int
    carbons: bool = False
    blocklist: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A frame on its way to the lane, and what the directory must say before (None: nothing new)."""

    frame: bus_pb2.Frame | None
    announce: Announcement | None = None
    # Called in this place, with or without a frame.
    then: Callable[[], None] | None = None


@dataclass(slots=True)
class Managed:
    """Stream management of a session (XEP-0198)."""

    # Hash of the id that the client knows; "" when the session cannot be resumed.
    id: str
    resume_seconds: int
    # False until the client has been told <enabled/>.
    enabled: bool = True
    # The last count of stanzas that are durable, and the last one that the client was told of.
    durable: int = 0
    told: int = 0
    # Whether an unasked `<a/>` is on its way.
    telling: bool = False
    # Requests that are answered when the lane has what was before them; and whether one is owed beyond these.
    asked: int = 0
    owed: bool = False
    # Sampled stanzas that were written and not acknowledged: the count with each, its traceparent, when (acktrace.py).
    traced: deque[tuple[int, str, int]] = field(default_factory=lambda: deque(maxlen=TRACED_STANZAS_MAX))
    # While there is no connection: what ends the session.
    expiry: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Session:
    """One bound resource. `record` is its entry in the directory as this gateway last wrote it."""

    id: str
    jid: str
    bare: str
    record: Record
    link: Link
    outbox: Outbox | Unacked
    # Once the client has enabled stream management.
    managed: Managed | None = None
    # Stanzas received, modulo 2^32: what stream management will acknowledge (XEP-0198 §4).
    inbound: int = 0
    # Whether the outbox waits for this tick's write.
    awake: bool = False
    # Stanzas that wait behind a presence whose directory entry is being written, in order. Bounded by what one read of
    # the socket can bring: it is not read meanwhile.
    held: list[Held] = field(default_factory=list)
    # Empties `held`, while there is something.
    announcing: asyncio.Task[None] | None = None
    # Availability as the last presence that was accepted says it; the directory follows.
    announced: Announcement = Announcement(False, 0)
    # Set once the session is over: nothing is accepted any more.
    over: bool = False
    # The rooms that it may have entered, as `Frame.rooms` has them.
    rooms: int = 0
    # "tcp" or "tls", for the books.
    transport: str = "tcp"
    # Trace context of the connection, "" until a stanza of it was sampled.
    traceparent: str = ""
    # What the messages of this session have in common, by (to, type). See simple.py.
    routes: dict[tuple[str | None, str], Route | None] = field(default_factory=dict)
    # The highest cause of what it was sent that archives keep, by lane: sequence << 32 | index.
    heard: dict[str, int] = field(default_factory=dict)
    # ` to='…'` of this session, as a broadcast needs it.
    to_attribute: bytes = b""

    def __post_init__(self) -> None:
        self.to_attribute = f" to='{attr_escape(self.jid)}'".encode()
