"""Messages.  RFC 6121 §8.5, without offline storage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.jid import bare_of

from .outcome import ERROR, HEADLINE, NO_SUCH_SERVER, UNAVAILABLE, Deliver, Hand, Outcomes
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
            return _to_account(frame.type, directory.sessions(bare_of(frame.sender)).values())
        case Target.BARE:
            return _to_account(frame.type, directory.sessions(frame.to).values())
        case Target.FULL:
            # RFC 6121 §8.5.3.2.1: chat as if it were for the bare JID; the rest is not for somebody else's eyes.
            if frame.type == "chat":
                return _to_account("chat", directory.sessions(bare_of(frame.to)).values())
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


def _to_account(type: str, sessions: Iterable[Session]) -> Outcomes:
    match type:
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
            # RFC 6121 §8.5.2.2.1: nobody there: the sender is told, as where there is no such account (§8.5.1).
            return (Deliver(chosen),) if chosen else UNAVAILABLE


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
