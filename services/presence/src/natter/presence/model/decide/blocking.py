"""A user has blocked contacts, or wants to hear from them again.  XEP-0191 §3.3, §3.4."""

from __future__ import annotations

from natter.proto.v1 import bus_pb2

from .. import render
from ..effects import Broadcast, Command, Decision, Effect, Policy
from ..roster import subscribers, subscriptions
from ..user import User
from .contacts import tell

# Type of the frame that says so: `tos` were blocked, `owners` are free again. No client's frame has it.
CHANGED = "blocking-changed"


def frame_of(user: str, blocked: frozenset[str], freed: frozenset[str]) -> bus_pb2.Frame:
    """What the user's shard tells itself."""
    return bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, type=CHANGED, to=user, tos=sorted(blocked), owners=sorted(freed))


def changed(user: User, command: Command, policy: Policy) -> Decision | None:
    """Contacts who see the user see him go, or come."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type != CHANGED:
        return None
    effects: list[Effect] = []
    seen_by = subscribers(user.roster)
    # XEP-0191 §3.3: only who is allowed to see the user's presence is told.
    gone = [jid for jid in seen_by if _named(jid, frame.tos)]
    back = [jid for jid in seen_by if _named(jid, frame.owners)]
    for session in user.available():
        if gone:
            stanza = render.presence("unavailable", session.jid)
            effects.append(Broadcast(stanza, "unavailable", session.jid, gone, blocked=True))
        if back:
            effects.append(Broadcast(session.stanza, "", session.jid, back))
    if user.available():
        # The user has missed how they are.
        effects += [
            tell(user.jid, jid, "probe")
            for jid in subscriptions(user.roster)
            if _named(jid, frame.owners) and policy.is_local(jid)
        ]
    return Decision(effects=tuple(effects))


def _named(contact: str, jids: object) -> bool:
    # XEP-0191 §6: a bare JID, or a whole domain; a single resource of a contact is not the contact.
    return contact in jids or contact[contact.find("@") + 1 :] in jids  # type: ignore[operator]
