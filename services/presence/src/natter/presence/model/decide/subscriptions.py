"""Subscription stanzas, both ways: RFC 6121 §3 with the table of Appendix A."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.xmpp.jid import bare_of

from .. import render
from ..effects import NOTHING, Command, Decision, Effect, Policy, Send, ToSessions, Via
from ..events import Contact, ContactChanged, ContactRemoved, RosterEvent
from ..roster import contact_of, view
from ..subscription import TABLE, Sign, State, Verb
from ..user import User
from .contacts import hide, tell
from .items import check_room, pushes
from .reply import Refused, error, refusal

OUTBOUND: Final = {
    "subscribe": Verb.OUT_SUBSCRIBE,
    "unsubscribe": Verb.OUT_UNSUBSCRIBE,
    "subscribed": Verb.OUT_SUBSCRIBED,
    "unsubscribed": Verb.OUT_UNSUBSCRIBED,
}
INBOUND: Final = {
    "subscribe": Verb.IN_SUBSCRIBE,
    "unsubscribe": Verb.IN_UNSUBSCRIBE,
    "subscribed": Verb.IN_SUBSCRIBED,
    "unsubscribed": Verb.IN_UNSUBSCRIBED,
}


def outbound(user: User, command: Command, policy: Policy) -> Decision | None:
    """The user asks, cancels, grants or denies."""
    frame = command.frame
    verb = OUTBOUND.get(frame.type) if frame.kind == bus_pb2.KIND_PRESENCE else None
    if verb is None:
        return None
    jid = bare_of(frame.to)
    # RFC 6121 §4.2.2: everybody is subscribed to himself, there is nothing to ask.
    if jid in ("", user.jid):
        return NOTHING
    if not policy.is_local(jid):
        return _unreachable(frame, policy)
    if command.applied:
        return Decision(effects=(*pushes(user, jid, True), *_repeat(user, frame, jid, verb)))
    before = contact_of(user.roster, jid)
    step = TABLE[before.state, verb]
    after = _after_outbound(before, verb, step.sign, step.state)
    events = settle(user, before, after)
    try:
        if any(isinstance(event, ContactChanged) for event in events):
            check_room(user.roster, after, policy.limits)
    except Refused as refused:
        return refusal(frame, refused)
    effects: list[Effect] = [*pushes(user, jid, view(before) != view(after))]
    if step.sign is Sign.PASS:
        effects.append(_route(user, frame, jid))
    if verb is Verb.OUT_UNSUBSCRIBED and before.state.from_:
        effects += hide(user, jid)
    return Decision(events, (), tuple(effects))


def _after_outbound(before: Contact, verb: Verb, sign: Sign, state: State) -> Contact:
    listed, approved = before.listed, before.approved
    if verb in (Verb.OUT_SUBSCRIBE, Verb.OUT_SUBSCRIBED):
        # RFC 6121 §3.1.2, §3.1.5 and §3.4.2: the item enters the roster.
        listed = True
    if verb is Verb.OUT_SUBSCRIBED and sign is Sign.MARK:
        # RFC 6121 §3.4.2: nothing to grant yet: remember that it will be granted.
        approved = True
    elif verb is Verb.OUT_UNSUBSCRIBED:
        # RFC 6121 §3.4.2: `unsubscribed` takes a pre-approval back.
        approved = False
    return replace(
        before, state=state, listed=listed, approved=approved, request=before.request if state.pending_in else b""
    )


def settle(user: User, before: Contact, after: Contact) -> tuple[RosterEvent, ...]:
    """The event that leads from one to the other; none where nothing changed."""
    if after == before:
        return ()
    if not after.listed and after.state is State.NONE:
        # Only the contact's request was known, and now it is answered.
        return (ContactRemoved(after.jid),) if after.jid in user.roster.contacts else ()
    return (ContactChanged(after),)


def _route(user: User, frame: bus_pb2.Frame, jid: str) -> Send:
    # RFC 6121 §3.1.2: stamped with the bare JID, sent to the bare JID.
    stanza = render.readdressed(frame.stanza, user.jid, jid)
    return Send(Via.USER, stanza, frame.type, user.jid, jid)


def _repeat(user: User, frame: bus_pb2.Frame, jid: str, verb: Verb) -> list[Effect]:
    """The journal has this already. Tell the contact the half it was about, as it stands now."""
    state = contact_of(user.roster, jid).state
    if verb in (Verb.OUT_SUBSCRIBE, Verb.OUT_UNSUBSCRIBE):
        if state.pending_out and verb is Verb.OUT_SUBSCRIBE:
            return [_route(user, frame, jid)]
        return [] if state.to or state.pending_out else [tell(user.jid, jid, "unsubscribe")]
    if state.from_:
        return [tell(user.jid, jid, "subscribed")]
    return [] if state.pending_in else [tell(user.jid, jid, "unsubscribed"), *hide(user, jid)]


def _unreachable(frame: bus_pb2.Frame, policy: Policy) -> Decision:
    """Another domain, or a JID that is no user."""
    if frame.type != "subscribe":
        return NOTHING
    domain = frame.to.partition("/")[0].rpartition("@")[2]
    known = domain in (policy.domain, policy.rooms)
    # RFC 6120 §8.3.3.16: there is no way to another domain yet.
    return Decision(effects=(error(frame, "service-unavailable" if known else "remote-server-not-found"),))


def inbound(user: User, command: Command, policy: Policy) -> Decision | None:
    """A contact asks, cancels, grants or denies."""
    frame = command.frame
    verb = INBOUND.get(frame.type) if frame.kind == bus_pb2.KIND_PRESENCE else None
    if verb is None:
        return None
    jid = bare_of(frame.sender)
    # RFC 6121 §8.5.1: no such user: ignored, and nobody can tell it from a user who does not answer.
    if not user.exists or jid == user.jid:
        return NOTHING
    before = contact_of(user.roster, jid)
    if command.applied:
        return Decision(effects=tuple(_hear(user, frame, before, before, verb)))
    step = TABLE[before.state, verb]
    state = step.state
    if verb is Verb.IN_SUBSCRIBE and step.sign is Sign.PASS:
        if before.approved:
            # RFC 6121 §3.4.2: granted in advance, the user is not asked.
            state = TABLE[state, Verb.OUT_SUBSCRIBED].state
        elif sum(c.state.pending_in for c in user.roster.contacts.values()) >= policy.limits.requests_max:
            # At the limit a further request is lost; the asker may ask again.
            return Decision(limit="requests")
    request = before.request
    if not state.pending_in:
        request = b""
    elif not before.state.pending_in:
        request = _kept(frame, policy)
    after = replace(before, state=state, request=request)
    try:
        if state.pending_in and after != before:
            check_room(user.roster, after, policy.limits)
    except Refused:
        return Decision(limit="requests")
    events = settle(user, before, after)
    if step.sign is Sign.HOLD:
        return Decision(events)
    return Decision(events, (), tuple(_hear(user, frame, before, after, verb)))


def _kept(frame: bus_pb2.Frame, policy: Policy) -> bytes:
    # RFC 6121 §3.1.3: the whole stanza is kept, with its extensions.
    # DEVIATION(RFC 6121 §3.1.3): above the limit only the request itself is.
    if len(frame.stanza) <= policy.limits.request_bytes_max:
        return frame.stanza
    return render.presence("subscribe", bare_of(frame.sender), frame.to)


def _hear(user: User, frame: bus_pb2.Frame, before: Contact, after: Contact, verb: Verb) -> list[Effect]:
    """What the user's sessions and the contact get. Called again for a redelivery, with `before` being `after`."""
    jid, state, again = after.jid, after.state, before is after
    push = pushes(user, jid, (again and view(after) is not None) or view(before) != view(after))
    match verb:
        case Verb.IN_SUBSCRIBE if state.from_:
            # RFC 6121 §3.1.3: the contact sees the user already, or was approved: the server answers.
            return [*push, tell(user.jid, jid, "subscribed")]
        case Verb.IN_SUBSCRIBE:
            # RFC 6121 §3.1.3: to all available resources, now and at their next initial presence.
            return [*_deliver(frame, [s.session for s in user.available()])] if state.pending_in else []
        case Verb.IN_SUBSCRIBED if state.to:
            # RFC 6121 §3.1.6: the contact's presence comes as the answer to a probe, behind the push.
            return [*_deliver(frame, _interested(user)), *push, tell(user.jid, jid, "probe")]
        case Verb.IN_UNSUBSCRIBED if not state.to:
            return [*_deliver(frame, _interested(user)), *push]
        case Verb.IN_UNSUBSCRIBE if not state.from_:
            gone = hide(user, jid) if before.state.from_ or again else []
            return [*_deliver(frame, _interested(user)), *push, *gone]
        case _:
            return []


def _interested(user: User) -> list[str]:
    return [session.session for session in user.interested()]


def _deliver(frame: bus_pb2.Frame, sessions: list[str]) -> list[Effect]:
    if not sessions:
        return []
    return [ToSessions(frame.stanza, tuple(sessions), type=frame.type, sender=frame.sender, id=frame.id)]
