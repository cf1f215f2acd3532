"""A message to everybody. XEP-0045 §7.4; a subject is another verb."""

from __future__ import annotations

from typing import Final

from natter.xmpp import ns
from natter.xmpp.element import attr_escape
from natter.xmpp.traits import Trait
from natter.xmpp.xeps.muc import Role

from ..events import event
from ..render_presence import occupant_id, occupant_jid
from ..request import Decision, Limits, Refused, Request, present
from ..stanza import clean, readdress, stanza_id
from ..state import Occupant, Room
from . import subject

# Plain numbers: asked of every message, and flags take microseconds.
_SUBJECT: Final = int(Trait.SUBJECT)
_MESSAGE: Final = int(Trait.BODY | Trait.THREAD)
_LASTING: Final = ~int(Trait.MUC_USER | Trait.MUC_JOIN)


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """A groupchat message to the room."""
    sender = speaker(room, request)
    # XEP-0045 §8.1: a <subject/> without <body/> and <thread/> changes the subject; else it is a message like others.
    if request.traits & _SUBJECT and not request.traits & _MESSAGE:
        return subject.decide(room, request, sender, limits)
    # XEP-0045 §7.4: a visitor has no voice.
    if sender.role is Role.VISITOR:
        raise Refused("forbidden", "Visitors may not speak in this room.")
    made = event(request)
    made.message_sent.nick = sender.nick
    made.message_sent.id = request.id
    made.message_sent.traits = request.traits & _LASTING
    made.message_sent.stanza = reflected(room, request, sender)
    return Decision((made,))


def speaker(room: Room, request: Request) -> Occupant:
    """The occupant who sends. XEP-0045 §7.4: nobody else may."""
    found = present(room, request)
    if found is None:
        raise Refused("not-acceptable", "You are not in the room.")
    return found


def reflected(room: Room, request: Request, sender: Occupant) -> bytes:
    """The message as every occupant gets it: `id` and content untouched, no `to`, and what only a room may say."""
    id = stanza_id(room.jid, request.cause, request.now_us)
    extra = f"<stanza-id xmlns='{ns.STANZA_IDS}' by='{attr_escape(room.jid)}' id='{id}'/>".encode()
    cleaned = clean(request.stanza, request.traits, room.jid)
    return readdress(cleaned, occupant_jid(room, sender.nick), occupant_id(sender.occupant_id) + extra)
