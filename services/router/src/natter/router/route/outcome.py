"""What may become of a frame: the closed set of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .view import Session

ShardKind = Literal["user", "room", "account", "archive"]
# Why nothing happens. Each has a test that drives a message to it, and asks where it is (tests/outcomes).
Reason = Literal[
    "blocked",
    "unasked",
    "error",
    "headline",
    "passing",
    "left",
    # Not decided, but found: by `natter.router.handlers`.
    "fenced",
    "poison",
    "sender-left",
]


@dataclass(frozen=True, slots=True)
class Deliver:
    """Write it to these sessions, at least one."""

    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Hand:
    """Give it to the holder of the shard that `entity` (a bare JID or a host) belongs to."""

    kind: ShardKind
    entity: str


@dataclass(frozen=True, slots=True)
class HandRooms:
    """Give it to the holders of the shards that have these rooms (natter.v1.Frame, `rooms`)."""

    rooms: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Into the archives of these bare JIDs; and let it wait for `waits`, who is not there, or tell the sender.

    Before any other outcome of the frame: what it is called in archives goes onto every copy of it.
    """

    owners: tuple[str, ...]
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A carbon for these sessions of `account` (XEP-0280). `sent`: by that account, else to it.

    `error`: of the error that was made of the message just before.
    """

    account: str
    sessions: tuple[Session, ...]
    sent: bool
    error: bool = False


@dataclass(frozen=True, slots=True)
class Bounce:
    """Answer the sender with a stanza error (RFC 6120 §8.3)."""

    condition: str
    # It is the sender who has blocked the recipient (XEP-0191 §3.3).
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The router knows the result of this <iq/> itself."""


@dataclass(frozen=True, slots=True)
class Order:
    """The router does what this <iq/> asks for, which takes a moment, and answers then."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing happens. `reason` becomes a metric label and a column."""

    reason: Reason


Outcome: TypeAlias = Deliver | Hand | HandRooms | Keep | Copy | Bounce | Answer | Order | Drop
Outcomes: TypeAlias = tuple[Outcome, ...]

# The ones without content, made once.
UNAVAILABLE: Final[Outcomes] = (Bounce("service-unavailable"),)
NO_SUCH_SERVER: Final[Outcomes] = (Bounce("remote-server-not-found"),)
BAD_REQUEST: Final[Outcomes] = (Bounce("bad-request"),)
FORBIDDEN: Final[Outcomes] = (Bounce("forbidden"),)
ANSWER: Final[Outcomes] = (Answer(),)
ORDER: Final[Outcomes] = (Order(),)
# XEP-0191 §3.3: by whom the stanza is not wanted.
UNWANTED: Final[Outcomes] = (Drop("blocked"),)
NOT_ACCEPTABLE: Final[Outcomes] = (Bounce("not-acceptable", blocked=True),)
# An answer that nobody asked for, or that came too late.
UNASKED: Final[Outcomes] = (Drop("unasked"),)
# RFC 6120 §8.3.1: an error is never answered with an error.
ERROR: Final[Outcomes] = (Drop("error"),)
# RFC 6121 §8.5.2.2.1: a headline for somebody who is not there.
HEADLINE: Final[Outcomes] = (Drop("headline"),)
# XEP-0160 §3: a chat state for somebody who is not there.
PASSING: Final[Outcomes] = (Drop("passing"),)
# It was for a session that has left, and nobody needs to know.
LEFT: Final[Outcomes] = (Drop("left"),)
