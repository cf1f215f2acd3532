"""What happened to a roster: the events of its journal, and the contact they are about."""

from __future__ import annotations

from dataclasses import dataclass

from .subscription import State


@dataclass(frozen=True, slots=True)
class Contact:
    """One roster item as it stands."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    state: State = State.NONE
    # False: only the contact's request is known; clients do not see the item (RFC 6121 §A.1: "None + Pending In").
    listed: bool = True
    # RFC 6121 §3.4: the contact's request will be granted without asking.
    approved: bool = False
    # The contact's subscribe stanza, while it is unanswered (RFC 6121 §3.1.3).
    request: bytes = b""


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """The item is now like this."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class ContactRemoved:
    """The item is gone."""

    jid: str


@dataclass(frozen=True, slots=True)
class RosterForgotten:
    """The account was removed, and the roster with it; the contacts who are told that their subscriptions end.

    A later one of the same `removal` (the place in JOURNALS; 0: never) only takes the names back.
    """

    removal: int = 0
    time_us: int = 0
    # The user's subscription or request ends; the contact's does.
    unsubscribe: tuple[str, ...] = ()
    unsubscribed: tuple[str, ...] = ()


RosterEvent = ContactChanged | ContactRemoved | RosterForgotten
