"""XEP-0012: Last Activity.  Since when a contact is away."""

from __future__ import annotations

from natter.proto.v1 import bus_pb2
from natter.xmpp.element import parse
from natter.xmpp.element import render as render_element
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import last_activity

from ..model.decide.reply import error, result
from ..model.effects import Command, Decision, Policy
from ..model.roster import contact_of
from ..model.user import User

PAYLOAD = f"{{{last_activity.NS}}}query"
STATUS = "{jabber:client}status"


def answer(user: User, command: Command, policy: Policy) -> Decision | None:
    """A query to the user's bare JID."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_IQ or frame.payload != PAYLOAD:
        return None
    asker = bare_of(frame.sender)
    if asker != user.jid and not (user.exists and contact_of(user.roster, asker).state.from_):
        # XEP-0012 §4: who may not see the user's presence learns nothing, whether there is such a user neither.
        return Decision(effects=(error(frame, "forbidden"),))
    if frame.type != "get":
        return Decision(effects=(error(frame, "not-allowed"),))
    if user.available():
        # XEP-0012 §4: somebody is there: 0 seconds.
        return Decision(effects=(result(frame, render_element(last_activity.query(0))),))
    if user.logout is None:
        return Decision(effects=(error(frame, "item-not-found"),))
    seconds = max(0, command.now_us - user.logout.time_us) // 1_000_000
    return Decision(effects=(result(frame, render_element(last_activity.query(seconds, _status(user)))),))


def _status(user: User) -> str:
    """XEP-0012 §4: the status of the last unavailable presence."""
    if user.logout is None or not user.logout.stanza:
        return ""
    return parse(user.logout.stanza).findtext(STATUS) or ""
