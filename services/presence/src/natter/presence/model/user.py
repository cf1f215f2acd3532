"""A user as the shard knows him: roster, sessions, last logout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .roster import EMPTY, Roster


@dataclass(frozen=True, slots=True)
class Session:
    """One of the user's sessions that asked for the roster, is available, or sent directed presence."""

    jid: str
    session: str
    # Last broadcast presence, without `to`; empty while not available (RFC 6121 §4.2).
    stanza: bytes = b""
    priority: int = 0
    # Where directed presence went (RFC 6121 §4.6), oldest first.
    directed: tuple[str, ...] = ()
    # RFC 6121 §2.2: it asked for the roster and gets roster pushes.
    interested: bool = False
    since_us: int = 0
    # Place in the lanes of the newest presence: what stands before it was repeated by a router that came back.
    cause: int = 0

    @property
    def available(self) -> bool:
        """Whether it has sent initial presence and not taken it back."""
        return bool(self.stanza)


@dataclass(frozen=True, slots=True)
class Logout:
    """When the last available session left, and its last words."""

    time_us: int
    stanza: bytes = b""


@dataclass(frozen=True, slots=True)
class User:
    """What decisions look at. `jid` is bare."""

    jid: str
    roster: Roster = EMPTY
    # By full JID.
    sessions: Mapping[str, Session] = field(default_factory=dict)
    logout: Logout | None = None
    # Whether there is an account. Nobody may tell from outside.
    exists: bool = True

    def available(self) -> list[Session]:
        """Sessions that have sent initial presence."""
        return [session for session in self.sessions.values() if session.stanza]

    def interested(self) -> list[Session]:
        """Sessions that want roster pushes."""
        return [session for session in self.sessions.values() if session.interested]


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """The session is now like this."""

    session: Session


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is of no more interest."""

    jid: str


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The last available session left."""

    logout: Logout


@dataclass(frozen=True, slots=True)
class LogoutForgotten:
    """The account is gone: nobody has logged out."""


Change = SessionChanged | SessionEnded | LoggedOut | LogoutForgotten
