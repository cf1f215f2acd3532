"""A moderator takes back what somebody said. XEP-0425 §3."""

from __future__ import annotations

from natter.xmpp.element import attr_escape
from natter.xmpp.xeps import moderation
from natter.xmpp.xeps.muc import Role

from .. import archive_id
from ..events import answered
from ..render_presence import occupant_jid
from ..request import Decision, Limits, Refused, Request
from ..stanza import room_id, stanza_id
from ..state import Room
from . import message
from .archive import archives
from .enter import occupant_id


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ set with a <moderate/>."""
    sender = message.speaker(room, request)
    if sender.role is not Role.MODERATOR:
        raise Refused("forbidden", "Only moderators take others' messages back.")
    element = request.element().find(moderation.MODERATE)
    try:
        asked = moderation.parse(element) if element is not None else None
    except ValueError:
        asked = None
    if asked is None:
        raise Refused("bad-request")
    if len(asked.reason.encode()) > limits.reason_bytes_max:
        raise Refused("policy-violation", f"A reason has at most {limits.reason_bytes_max} bytes.")
    number = archive_id.decode(room.secret, asked.id)
    # An id without number is one that no archive has: of a room that keeps none, or of a passing message.
    if (not 0 < number <= room.archived) if archives(room, limits) else len(asked.id) > 64:
        raise Refused("item-not-found", "There is no such message.")
    made = answered(request)
    moderated = made.message_moderated
    moderated.target, moderated.retracts, moderated.reason = asked.id, number, asked.reason
    moderated.nick, moderated.jid = sender.nick, sender.jid
    moderated.id = f"moderated-{stanza_id(room.jid, request.cause, request.now_us)}"
    moderated.archived = room.archived + 1 if archives(room, limits) else 0
    by = moderation.moderated(occupant_jid(room, sender.nick), occupant_id(room, sender.bare), asked.reason)
    id = room_id(room, request, moderated.archived)
    head = f"<message from='{attr_escape(room.jid)}' id='{attr_escape(moderated.id)}' type='groupchat'>"
    moderated.stanza = f"{head}{moderation.announcement(asked.id, by)}{id}</message>".encode()
    return Decision((made,))
