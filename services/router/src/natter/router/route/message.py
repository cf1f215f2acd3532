"""Messages.  RFC 6121 §8.5."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp import keeping
from natter.xmpp.jid import bare_of

from .outcome import ERROR, HEADLINE, NO_SUCH_SERVER, PASSING, UNAVAILABLE, Deliver, Hand, Keep, Outcomes
from .target import Target, classify
from .view import Directory, Hosts, Session


def to_session(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes | None:
    """A full JID whose session is there. The hot path: nothing else is looked at."""
    session = directory.get(frame.to)
    # RFC 6121 §8.5.3.1: a matching resource gets messages of every type.
    return None if session is None else (Deliver((session,)),)


def by_address(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    """Everything but a full JID whose session is there."""
    target = classify(frame.to, frame.sender, hosts)
    match target:
        case Target.OWN:
            # RFC 6121 §8.2: without 'to', as if it were for the sender's own bare JID.
            return _to_account(frame, bare_of(frame.sender), directory, hosts)
        case Target.BARE:
            return _to_account(frame, frame.to, directory, hosts)
        case Target.FULL:
            # RFC 6121 §8.5.3.2.1: chat as if it were for the bare JID; the rest is not for somebody else's eyes.
            if frame.type == "chat":
                return _to_account(frame, bare_of(frame.to), directory, hosts)
            return refuse(frame.type)
        case Target.CONFERENCE:
            return (Hand("room", bare_of(frame.to)),)
        case Target.SERVER:
            # RFC 6120 §10.5.1: the server takes no messages yet.
            return refuse(frame.type)
        case Target.REMOTE:
            # RFC 6120 §10.4: no connections to other servers yet.
            return ERROR if frame.type == "error" else NO_SUCH_SERVER
        case _:
            assert_never(target)


def _to_account(frame: Frame, account: str, directory: Directory, hosts: Hosts) -> Outcomes:
    sessions = directory.sessions(account).values()
    match frame.type:
        case "error":
            # RFC 6121 §8.5.2.1.1: silently ignored.
            return ERROR
        case "groupchat":
            # RFC 6121 §8.5.2.1.1: never delivered to a bare JID; the sender is told.
            return UNAVAILABLE
        case "headline":
            # RFC 6121 §8.5.2.1.1: every available resource whose priority is not negative.
            chosen = tuple(s for s in sessions if s.available and s.priority >= 0)
            return (Deliver(chosen),) if chosen else HEADLINE
        case _:
            # RFC 6121 §5.2.2: a type that is not understood counts as normal.
            chosen = most_available(sessions)
            return (Deliver(chosen),) if chosen else nobody(frame, account, hosts)


def nobody(frame: Frame, account: str, hosts: Hosts) -> Outcomes:
    """No session of this account can take the message."""
    if not hosts.offline:
        # RFC 6121 §8.5.2.2.1: the sender is told, as where there is no such account (§8.5.1).
        return UNAVAILABLE
    if keeping.passing(frame.traits):
        return PASSING
    # XEP-0160 §2: it waits. Whether there is such an account, and room for more, is seen where it waits.
    return (Keep((), account),) if keeping.until_there(frame.type, frame.traits) else refuse(frame.type)


def most_available(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """The available sessions that tie on the highest priority, none where that is negative."""
    # RFC 6121 §8.5.2.1.1: a resource with negative priority gets nothing that was for the bare JID.
    best = 0
    chosen: list[Session] = []
    for session in sessions:
        if session.available and session.priority >= best:
            if session.priority > best:
                best = session.priority
                chosen.clear()
            chosen.append(session)
    return tuple(chosen)


def refuse(type: str) -> Outcomes:
    """Nobody gets a message of this type."""
    match type:
        case "error":
            return ERROR
        case "headline":
            # RFC 6121 §8.5.3.2.1: may be ignored, and tells less so.
            return HEADLINE
        case _:
            return UNAVAILABLE
