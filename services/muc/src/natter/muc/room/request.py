"""What comes in and what goes out: a request to a room, its refusal, the outputs, and the limits that hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from natter.proto.v1 import bus_pb2, room_pb2
from natter.xmpp.element import Element, parse
from natter.xmpp.jid import bare_of, resource_of
from natter.xmpp.xeps import mam

from .state import Config, Occupant, Room

MESSAGE: Final = bus_pb2.KIND_MESSAGE
PRESENCE: Final = bus_pb2.KIND_PRESENCE
IQ: Final = bus_pb2.KIND_IQ


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a request came from: the same for a frame that comes again. Sequence 0: unknown."""

    source: str = ""
    sequence: int = 0
    index: int = 0
    # Tells a sequence from the same one after the log was lost and began anew.
    accepted_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One stanza for a room. JIDs are normalised; `sender` is a full JID as the gateway stamped it."""

    kind: int
    type: str = ""
    sender: str
    to: str
    id: str = ""
    traits: int = 0
    # Name of an IQ's payload, "{namespace}local".
    payload: str = ""
    stanza: bytes
    # The sender's session; "" when a service speaks for it.
    session: str = ""
    # The session vanished without a word.
    vanished: bool = False
    now_us: int
    cause: Cause = Cause()
    # Unpredictable bytes, for what needs a secret.
    fresh: bytes = b""
    # Whether the sender may make another room.
    may_create: bool = True

    @property
    def bare(self) -> str:
        """The sender's bare JID."""
        return bare_of(self.sender)

    @property
    def room(self) -> str:
        """The room's JID."""
        return bare_of(self.to)

    @property
    def nick(self) -> str:
        """The nickname addressed; "" for the room itself."""
        return resource_of(self.to)

    def element(self) -> Element:
        """The stanza, parsed."""
        return parse(self.stanza)


DEFAULT: Final = Config()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a room may grow to. What happens at each is said where it is obeyed."""

    occupants_max: int = 200
    nick_bytes_max: int = 128
    subject_bytes_max: int = 4096
    presence_bytes_max: int = 2048
    affiliations_max: int = 1000
    reason_bytes_max: int = 1024
    password_bytes_max: int = 256
    invites_max: int = 10
    # False: what is said goes to no disk, and nobody hears of it later.
    keep_words: bool = True
    # Whether rooms keep an archive, unless they say otherwise.
    archive: bool = True
    card_bytes_max: int = 65_536
    # Whether a nickname must not look like another one.
    lookalikes_refused: bool = False
    # People who wait to be registered.
    registrations_max: int = 50
    tombstone_seconds: int = 0
    # Of a new room.
    default: Config = DEFAULT


def present(room: Room, request: Request) -> Occupant | None:
    """The occupant that the sender is; not one whom an earlier session left behind under the same full JID."""
    found = room.occupant(request.sender)
    if found is not None and request.session and found.session and request.session != found.session:
        return None
    return found


class Refused(Exception):
    """Answered to the sender as a stanza error, unless it must not be answered."""

    def __init__(self, condition: str, text: str = "", *, type: str | None = None, address: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text
        self.type = type
        # RFC 6120 §8.3.3.5: of `gone`, where to go instead.
        self.address = address
        # What of the request it is about; RFC 6120 §8.3.1: sent back with the error.
        self.about: Element | None = None


class Target(Protocol):
    """Somebody to deliver to: a session under its full JID, or (`session` "") whoever answers to a JID now."""

    @property
    def jid(self) -> str: ...
    @property
    def session(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Address:
    """A target that is no occupant."""

    jid: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Everyone:
    """All occupants. The same mapping as long as nothing about them changes: what is made of it may be kept."""

    occupants: Mapping[str, Occupant]

    def __iter__(self) -> Iterator[Occupant]:
        return iter(self.occupants.values())

    def __len__(self) -> int:
        return len(self.occupants)

    def __contains__(self, target: object) -> bool:
        return target in self.occupants.values()


@dataclass(frozen=True, slots=True)
class Output:
    """One stanza to one or many. `stanza` has no `to`; it is the same for all targets."""

    kind: int
    stanza: bytes
    sender: str
    to: Collection[Target]
    type: str = ""
    id: str = ""
    traits: int = 0
    payload: str = ""
    # Sent instead where nobody is there to take it.
    otherwise: Output | None = None
    # Who speaks, by his own JID, where it is from one to another: who has blocked him does not get it (XEP-0191).
    speaker: str = ""
    # An error for a message that the other clients of its sender have a copy of (XEP-0280): they get one of this, too.
    copied: bool = False
    # In the place of `stanza`: several one after another, to one session.
    series: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, without the addresses."""
        return len(self.stanza) + sum(map(len, self.series))


@dataclass(frozen=True, slots=True)
class Question:
    """Something about the room's past, which its state does not know. `query` None: the edges of the archive."""

    request: Request
    room: Room
    query: mam.Query | None = None
    # Whether the asker may know who was behind a nickname.
    sees_jids: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a request: events, what is said without one, and what is to be looked up."""

    events: tuple[room_pb2.RoomEvent, ...] = ()
    outputs: tuple[Output, ...] = ()
    question: Question | None = None


# Nobody hears of it.
NOTHING: Final = Decision()
# It was decided before: whoever was to hear of it has.
ALREADY: Final = Decision()
