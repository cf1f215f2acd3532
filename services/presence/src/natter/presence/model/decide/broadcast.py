"""Available presence without `to`: RFC 6121 §4.2 (initial) and §4.4 (later)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.xmpp.element import parse

from .. import render
from ..effects import Broadcast, Command, Decision, Effect, Policy, ToSessions
from ..roster import subscribers, subscriptions
from ..user import Session, SessionChanged, User
from .contacts import tell
from .leaving import current
from .reply import Refused, refusal

PRIORITY: Final = "{jabber:client}priority"
_BYTE: Final = re.compile(r"[+-]?\d{1,3}", re.ASCII)


def available(user: User, command: Command, policy: Policy) -> Decision | None:
    """Initial or later presence."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.to or frame.type:
        return None
    try:
        priority = priority_of(frame.stanza)
    except Refused as refused:
        return refusal(frame, refused)
    before, effects = current(user, frame, policy)
    after = replace(before, stanza=frame.stanza, priority=priority, since_us=frame.accepted_us or command.now_us)
    effects.append(Broadcast(frame.stanza, "", frame.sender, subscribers(user.roster)))
    # RFC 6121 §4.2.2 and §4.4.2: all of the user's available resources, this one too.
    others = [session for session in user.available() if session.jid != frame.sender]
    own = tuple(session.session for session in (*others, after))
    effects.append(ToSessions(frame.stanza, own, to=user.jid, sender=frame.sender, id=frame.id))
    if not before.available:
        effects += _welcome(user, after, others, policy)
    return Decision((), (SessionChanged(after),), tuple(effects))


def priority_of(stanza: bytes) -> int:
    """RFC 6121 §4.7.2.3: an integer from -128 to 127; 0 where absent. Raises Refused."""
    if b"priority" not in stanza:
        return 0
    found = parse(stanza).findall(PRIORITY)
    if not found:
        return 0
    text = (found[0].text or "").strip()
    if len(found) > 1 or not _BYTE.fullmatch(text) or not -128 <= int(text) <= 127:
        raise Refused("bad-request", "priority is a number from -128 to 127")
    return int(text)


def _welcome(user: User, session: Session, others: list[Session], policy: Policy) -> list[Effect]:
    """What a session gets and asks when it becomes available."""
    ids = (session.session,)
    # RFC 6121 §4.2.2: probes to the contacts that the user is subscribed to.
    effects: list[Effect] = [
        tell(session.jid, jid, "probe") for jid in subscriptions(user.roster) if policy.is_local(jid)
    ]
    # RFC 6121 §4.2.2: nobody probes himself: the other resources' presence comes from here.
    effects += [
        ToSessions(render.delayed(other.stanza, other.jid, other.since_us, user.jid), ids, sender=other.jid)
        for other in others
    ]
    # RFC 6121 §3.1.3: requests that wait for an answer, until they have one.
    effects += [
        ToSessions(contact.request, ids, type="subscribe", sender=contact.jid)
        for contact in user.roster.contacts.values()
        if contact.state.pending_in and contact.request
    ]
    return effects
