"""Presence probes: RFC 6121 §4.3."""

from __future__ import annotations

from natter.proto.v1 import bus_pb2
from natter.xmpp.element import E, insert_to
from natter.xmpp.element import render as render_element
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import delay

from .. import render
from ..effects import NOTHING, Command, Decision, Policy, Send, Via
from ..roster import contact_of
from ..user import User
from .contacts import tell


def ask(user: User, command: Command, policy: Policy) -> Decision | None:
    """A client probes by itself."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type != "probe":
        return None
    jid = bare_of(frame.to)
    # RFC 6121 §4.3: probing is the server's business; what the user may see he may ask for again.
    if not policy.is_local(jid) or not contact_of(user.roster, jid).state.to:
        return NOTHING
    return Decision(effects=(tell(frame.sender, jid, "probe"),))


def answer(user: User, command: Command, policy: Policy) -> Decision | None:
    """Somebody's server asks for the user's presence."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type != "probe":
        return None
    asker = bare_of(frame.sender)
    if asker == user.jid:
        return NOTHING
    if not user.exists or not contact_of(user.roster, asker).state.from_:
        # RFC 6121 §4.3.2: not authorised, or no such user: the asker's roster is put right.
        return Decision(effects=(tell(user.jid, asker, "unsubscribed"),))
    sessions = user.available()
    if not sessions:
        return Decision(effects=(_absent(user, frame.sender),))
    # RFC 6121 §4.3.2: the last presence of each available resource.
    return Decision(
        effects=tuple(
            Send(Via.SESSIONS, render.delayed(s.stanza, s.jid, s.since_us, frame.sender), "", s.jid, frame.sender)
            for s in sessions
        )
    )


def _absent(user: User, to: str) -> Send:
    element = E("presence", {"from": user.jid, "type": "unavailable"})
    if user.logout is not None:
        element.append(delay.delay(user.jid, user.logout.time_us))
    return Send(Via.SESSIONS, insert_to(render_element(element), to), "unavailable", user.jid, to)
