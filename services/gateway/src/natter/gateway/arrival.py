"""One session on its way to this gateway from another (ADR 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from .estate import Estate, Item, heard
from .session import Session


@dataclass(slots=True, eq=False)
class Arrival:
    """What is known of it until it has settled."""

    session: Session
    # Of its old gateway; and, where that was still taking it over itself, of the one before.
    estates: list[Estate] = field(default_factory=list)
    # By gateway, all that were opened for it.
    opened: dict[str, Estate] = field(default_factory=dict)
    # From which entry of our own log on it is to be read: CONTROL_ARRIVING stands there or soon behind.
    since: int = 0
    # By source, what had been said to it before this gateway claimed it; and where that is written down.
    marks: Mapping[str, int] = field(default_factory=dict)
    former: int = 0
    # What others sent here meanwhile; it stands behind what they had sent there.
    held: list[Item] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    adopted: asyncio.Event = field(default_factory=asyncio.Event)
    routed: asyncio.Event = field(default_factory=asyncio.Event)
    inbound: int = 0
    outbound: int = 0
    # Where what its old gateway says of it ends: fields of its record; none yet.
    fenced: Mapping[str, object] = field(default_factory=dict)
    # A look into the old log is under way, and whether another one is wanted behind it.
    looking: bool = False
    # The time has come; and CONTROL_SETTLED is in the log, or on its way.
    settling: bool = False
    settled: bool = False

    def new(self, item: Item) -> bool:
        """Whether the session was never sent that: holders repeat what they are not sure that others have said."""
        return item.origin not in self.seen and not heard(self.marks, item.origin)
