"""What the parts of one shard's work share: what came in, what a turn decides, and what has been decided lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from natter.bus.api import Bus
from natter.bus.directory import Directory
from natter.bus.facts import FactsWriter
from natter.bus.journal import Journal
from natter.proto.v1 import room_pb2
from natter.proto.v1.bus_pb2 import Frame

from .census import Census
from .rates import Rates
from .room.request import Cause, Output
from .room.state import Room
from .roomlist import RoomList
from .rooms import Loaded
from .sealing import Seal
from .settings import Settings
from .strangers import Strangers

# Causes in the journal that may come again after a shard was opened; the oldest are forgotten.
SEEN_MAX: Final = 32_768


@dataclass(slots=True, kw_only=True)
class Office:
    """What all shards of this process share."""

    bus: Bus
    directory: Directory
    strangers: Strangers
    roomlist: RoomList
    settings: Settings
    instance: str
    # conference.<domain>
    host: str
    shards: int
    now_us: Callable[[], int]
    # Whether a bare JID has blocked somebody (XEP-0191).
    blocks: Callable[[str, str], bool] = lambda owner, jid: False
    # None: everybody as fast as he likes.
    rates: Rates | None = None
    # How long what happened in rooms is kept; 0: not at all.
    room_days: float = 30.0
    # False: what is said in rooms goes to no disk, and nobody hears of it later.
    keep_words: bool = True
    seal: Seal = field(default_factory=Seal)
    # Where it is written down that a message came to nothing. None: nowhere.
    facts: FactsWriter | None = None
    census: Census = field(init=False)

    def __post_init__(self) -> None:
        self.census = Census(Journal(self.bus), self.shards)

    def archives(self) -> bool:
        """Whether rooms have an archive at all."""
        return self.keep_words and self.room_days > 0

    @property
    def domain(self) -> str:
        """The domain served, whose users are local."""
        return self.host.partition(".")[2]


@dataclass(slots=True)
class Input:
    """One frame of a shard entry. `position` 0: made here, nobody waits for it to be done."""

    frame: Frame
    cause: Cause
    position: int
    taken_us: int
    # The session that vanished, for an input made here.
    vanished: str = ""

    @property
    def room(self) -> str:
        """The JID of the room, or of the host; "": every room that the sender is in."""
        return self.frame.to.partition("/")[0]


@dataclass(slots=True)
class Parcel:
    """An output on its way, with the input it follows from. `caused`: it belongs to a journal entry."""

    output: Output
    caused: bool
    input: Input | None = None
    traceparent: str = ""


@dataclass(slots=True)
class Work:
    """What one turn decides for one room."""

    loaded: Loaded
    before: Room
    events: list[room_pb2.RoomEvent] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)


class Seen:
    """The causes of what a shard found decided when it was opened, each with the room for which it was."""

    def __init__(self) -> None:
        self._causes: OrderedDict[tuple[Cause, str], None] = OrderedDict()

    def add(self, cause: Cause, room: str) -> None:
        """Remember one."""
        if cause.sequence:
            self._causes[cause, room] = None
            if len(self._causes) > SEEN_MAX:
                self._causes.popitem(last=False)

    def has(self, cause: Cause, room: str) -> bool:
        """Whether that was decided."""
        return (cause, room) in self._causes
