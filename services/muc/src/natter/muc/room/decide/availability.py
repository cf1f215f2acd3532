"""Presence of an occupant: show, status and what else it says of itself. XEP-0045 §7.7."""

from __future__ import annotations

from natter.xmpp.xeps.muc import Role

from ..events import event, presence
from ..request import Decision, Limits, Refused, Request
from ..stanza import own_presence, without_status
from ..state import Occupant, Room


def decide(room: Room, request: Request, present: Occupant, limits: Limits) -> Decision:
    """Presence to one's own nickname. It is broadcast also where nothing has changed: clients ask by it for an echo."""
    made = event(request)
    made.presence_changed.nick = present.nick
    made.presence_changed.jid = present.jid
    attributes, payload = said(request, room.jid, limits)
    if present.role is Role.VISITOR and room.config.visitors_keep_status:
        payload = without_status(payload)
    made.presence_changed.presence.CopyFrom(presence(attributes, payload))
    return Decision((made,))


def said(request: Request, room: str, limits: Limits) -> tuple[bytes, bytes]:
    """Attributes and content of a presence, server-owned parts removed. Too much of it is refused."""
    attributes, payload = own_presence(request.stanza, request.traits, room)
    if len(attributes) + len(payload) > limits.presence_bytes_max:
        raise Refused("policy-violation", f"Presence in a room has at most {limits.presence_bytes_max} bytes.")
    return attributes, payload
