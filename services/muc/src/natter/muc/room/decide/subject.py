"""Changing the subject. XEP-0045 §8.1."""

from __future__ import annotations

from natter.xmpp import ns
from natter.xmpp.xeps.muc import Role

from ..events import event
from ..request import Decision, Limits, Refused, Request
from ..state import Occupant, Room
from . import message
from .archive import archives


def decide(room: Room, request: Request, present: Occupant, limits: Limits) -> Decision:
    """A groupchat message that has a <subject/> and no <body/>. An empty one removes the subject."""
    # XEP-0045 §8.1: moderators may; participants only where the room allows it. Visitors have no voice for that either.
    allowed = present.role is Role.MODERATOR or (
        room.config.occupants_change_subject and present.role is Role.PARTICIPANT
    )
    if not allowed:
        raise Refused("forbidden", "You may not change the subject.")
    text = request.element().findtext(f"{{{ns.CLIENT}}}subject") or ""
    if len(request.stanza) > limits.subject_bytes_max:
        raise Refused("not-acceptable", f"A subject message has at most {limits.subject_bytes_max} bytes.")
    made = event(request)
    made.subject_changed.nick = present.nick
    made.subject_changed.text = text
    made.subject_changed.id = request.id
    made.subject_changed.jid = present.jid
    made.subject_changed.archived = room.archived + 1 if archives(room, limits) else 0
    made.subject_changed.stanza = message.reflected(room, request, present, made.subject_changed.archived)
    return Decision((made,))
