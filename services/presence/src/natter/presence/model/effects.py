"""What follows from a decision: stanzas on their way, addressed without knowing who is connected where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from natter.proto.v1 import bus_pb2

from .events import RosterEvent
from .user import Change


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one user. What happens at them stands where they are obeyed."""

    items_max: int = 1000
    requests_max: int = 100
    groups_max: int = 16
    name_bytes_max: int = 256
    group_bytes_max: int = 256
    request_bytes_max: int = 2048
    # All items as rendered, and all stored requests: roster and snapshot must fit into one NATS message.
    roster_bytes_max: int = 512 * 1024
    directed_max: int = 500


@dataclass(frozen=True, slots=True)
class Policy:
    """What decisions may know of the world."""

    domain: str
    rooms: str
    limits: Limits = Limits()

    def is_local(self, jid: str) -> bool:
        """Whether `jid` belongs to a user of the domain served."""
        bare = jid.partition("/")[0]
        local, at, domain = bare.partition("@")
        return bool(at and local) and domain == self.domain

    def is_room(self, jid: str) -> bool:
        """Whether `jid` belongs to the host of rooms."""
        bare = jid.partition("/")[0]
        return bare[bare.find("@") + 1 :] == self.rooms


@dataclass(frozen=True, slots=True)
class Command:
    """A frame to decide on, and when. `applied`: the journal has what followed from it already (a redelivery)."""

    frame: bus_pb2.Frame
    now_us: int
    applied: bool = False


@dataclass(frozen=True, slots=True)
class ToSessions:
    """To sessions of the user himself, by session id. Where `to` is set the stanza has none: the gateway writes it."""

    stanza: bytes
    sessions: tuple[str, ...]
    to: str = ""
    kind: bus_pb2.Kind = bus_pb2.KIND_PRESENCE
    type: str = ""
    sender: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Presence to all available sessions of these bare JIDs. `stanza` has no `to`."""

    stanza: bytes
    type: str
    sender: str
    to: Sequence[str]
    # Also to those whom the user has blocked: they see him leave.
    blocked: bool = False


class Via(Enum):
    """How a single stanza leaves."""

    # To one local user: his session where `to` is full, else all his available ones.
    SESSIONS = "sessions"
    # To the shard of the user `to`: subscription stanzas and probes.
    USER = "user"
    # To the shard of the room `to`.
    ROOM = "room"


@dataclass(frozen=True, slots=True)
class Send:
    """One presence stanza to one address. `stanza` has its `to`. `session`: on behalf of that session."""

    via: Via
    stanza: bytes
    type: str
    sender: str
    to: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """A roster push of the item as it stands after the decision, with its version."""

    jid: str
    sessions: tuple[str, ...]


Effect = ToSessions | Broadcast | Send | Push


@dataclass(frozen=True, slots=True)
class Decision:
    """Events for the journal, changes of sessions, and what is sent once they are safe. `limit`: one that was hit."""

    events: tuple[RosterEvent, ...] = ()
    changes: tuple[Change, ...] = ()
    effects: tuple[Effect, ...] = ()
    limit: str = ""


NOTHING = Decision()
