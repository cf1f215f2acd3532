"""A message to everybody. XEP-0045 §7.4; a subject is another verb."""

from __future__ import annotations

from typing import Final

from natter.xmpp.traits import Trait
from natter.xmpp.xeps import retraction
from natter.xmpp.xeps.muc import Role
from natter.xmpp.xeps.occupant_id import occupant_id

from .. import archive_id
from ..events import event
from ..render_presence import occupant_jid
from ..request import Decision, Limits, Refused, Request, present
from ..stanza import clean, is_lasting, readdress, room_id
from ..state import Occupant, Room
from . import subject
from .archive import archives

# Plain numbers: asked of every message, and flags take microseconds.
_SUBJECT: Final = int(Trait.SUBJECT)
_MESSAGE: Final = int(Trait.BODY | Trait.THREAD)
_RETRACTS: Final = int(Trait.RETRACTION)
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
    said = made.message_sent
    said.nick, said.jid, said.id = sender.nick, sender.jid, request.id
    said.traits = request.traits & _LASTING
    if request.traits & _RETRACTS:
        # XEP-0424 §3: the room's own id names the message; whose it was is looked at where it is shown.
        taken = archive_id.decode(room.secret, retraction.find(request.element()))
        said.retracts = taken if taken <= room.archived else 0
    if archives(room, limits) and (said.retracts or is_lasting(request.traits)):
        said.archived = room.archived + 1
    said.stanza = reflected(room, request, sender, said.archived)
    return Decision((made,))


def speaker(room: Room, request: Request) -> Occupant:
    """The occupant who sends. XEP-0045 §7.4: nobody else may."""
    found = present(room, request)
    if found is None:
        raise Refused("not-acceptable", "You are not in the room.")
    return found


def reflected(room: Room, request: Request, sender: Occupant, archived: int) -> bytes:
    """The message as every occupant gets it: `id` and content untouched, no `to`, and what only a room may say."""
    extra = room_id(room, request, archived).encode()
    cleaned = clean(request.stanza, request.traits, room.jid)
    return readdress(cleaned, occupant_jid(room, sender.nick), occupant_id(sender.occupant_id) + extra)
