"""Messages to one occupant, and messages to the room that are for nobody in particular. XEP-0045 §7.5."""

from __future__ import annotations

from dataclasses import replace

from natter.xmpp import ns
from natter.xmpp.traits import Trait
from natter.xmpp.xeps.muc import Role
from natter.xmpp.xeps.occupant_id import occupant_id

from ..refusal import refusal
from ..render_presence import occupant_jid
from ..request import MESSAGE, NOTHING, Decision, Limits, Output, Refused, Request
from ..rights import role_at_least
from ..stanza import clean, readdress
from ..state import Occupant, Room
from . import leave, message


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """A message to an occupant JID."""
    sender = message.speaker(room, request)
    # XEP-0045 §7.5: groupchat to one occupant is a mistake.
    if request.type == "groupchat":
        raise Refused("bad-request", "A private message is not of type groupchat.")
    targets = room.named(request.nick)
    if not targets:
        raise Refused("item-not-found")
    _allowed(room, sender)
    # RFC 6121 §8.5.3.2.1: where the recipient's session is gone, the sender hears of it.
    missing = refusal(request, Refused("recipient-unavailable"))
    return Decision(outputs=(replace(_whisper(room, request, sender, targets), otherwise=missing),))


def error(room: Room, request: Request) -> Decision:
    """A message of type error: somebody could not be reached, or does not like a private message."""
    sender = room.occupant(request.sender)
    if sender is None:
        return NOTHING
    if leave.undeliverable(request):
        return leave.ghost(room, request, sender)
    targets = room.named(request.nick)
    if not targets:
        return NOTHING
    return Decision(outputs=(_whisper(room, request, sender, targets),))


def _allowed(room: Room, sender: Occupant) -> None:
    """Raise Refused where the configuration keeps an occupant from sending private messages."""
    least = room.config.private_messages
    if least == "nobody" or not role_at_least(sender.role, Role(least or Role.VISITOR)):
        raise Refused("forbidden", "You may not send private messages in this room.")


def _whisper(room: Room, request: Request, sender: Occupant, targets: tuple[Occupant, ...]) -> Output:
    cleaned = clean(request.stanza, request.traits, room.jid)
    # XEP-0045 §7.5: the empty <x/> lets clients and carbons tell it from other messages.
    extra = f"<x xmlns='{ns.MUC_USER}'/>".encode() + occupant_id(sender.occupant_id)
    address = occupant_jid(room, sender.nick)
    return Output(
        MESSAGE,
        readdress(cleaned, address, extra),
        address,
        # XEP-0045 §7.2.8: all sessions under the nickname.
        targets,
        type=request.type,
        id=request.id,
        traits=request.traits | int(Trait.MUC_USER),
        speaker=request.sender,
    )
