"""A session leaves: RFC 6121 §4.5 for those who saw it by subscription, §4.6.3 for those who got directed presence."""

from __future__ import annotations

from dataclasses import replace

from natter.proto.v1 import bus_pb2
from natter.xmpp.element import insert_to
from natter.xmpp.jid import bare_of

from .. import render
from ..effects import NOTHING, Broadcast, Command, Decision, Effect, Policy, Send, ToSessions, Via
from ..roster import subscribers
from ..user import Change, LoggedOut, Logout, Session, SessionChanged, SessionEnded, User


def unavailable(user: User, command: Command, policy: Policy) -> Decision | None:
    """The session says so, or has ended."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.to or frame.type != "unavailable":
        return None
    session = user.sessions.get(frame.sender)
    # A session that was replaced under the same resource has nothing more to say.
    if session is None or session.session != frame.session:
        return NOTHING
    changes: list[Change] = []
    if session.available and len(user.available()) == 1:
        changes.append(LoggedOut(Logout(frame.accepted_us or command.now_us, frame.stanza)))
    if frame.ended:
        changes.append(SessionEnded(session.jid))
    elif session.available or session.directed:
        changes.append(SessionChanged(replace(session, stanza=b"", priority=0, directed=())))
    return Decision((), tuple(changes), tuple(leave(user, session, frame.stanza, policy, gone=frame.ended)))


def leave(user: User, session: Session, stanza: bytes, policy: Policy, *, gone: bool) -> list[Effect]:
    """Everybody who saw the session hears `stanza`, which has no `to`. `gone`: the session itself cannot hear it."""
    effects: list[Effect] = []
    covered: set[str] = set()
    if session.available:
        contacts = subscribers(user.roster)
        covered.update(contacts)
        effects.append(Broadcast(stanza, "unavailable", session.jid, contacts))
        # RFC 6121 §4.5.2: the user's available resources, and the one that leaves.
        own = [s.session for s in user.available() if not (gone and s.jid == session.jid)]
        effects.append(ToSessions(stanza, tuple(own), to=user.jid, type="unavailable", sender=session.jid))
    for to in session.directed:
        if policy.is_room(to):
            effects.append(Send(Via.ROOM, insert_to(stanza, to), "unavailable", session.jid, to, session.session))
        elif bare_of(to) not in covered:
            effects.append(Send(Via.SESSIONS, insert_to(stanza, to), "unavailable", session.jid, to))
    return effects


def current(user: User, frame: bus_pb2.Frame, policy: Policy) -> tuple[Session, list[Effect]]:
    """The session that sent `frame`. Where another one held its resource, that one has left, and this follows."""
    session = user.sessions.get(frame.sender)
    if session is None:
        return Session(frame.sender, frame.session), []
    if session.session == frame.session:
        return session, []
    stanza = render.presence("unavailable", session.jid)
    return Session(frame.sender, frame.session), leave(user, session, stanza, policy, gone=True)
