"""Asking for voice, and a moderator's answer. XEP-0045 §7.13 and §8.6."""

from __future__ import annotations

from typing import Final

from natter.xmpp.xeps.data_forms import Form, boolean
from natter.xmpp.xeps.muc import Item, Role

from ..events import event
from ..request import NOTHING, Decision, Refused, Request
from ..state import Occupant, Room
from . import rights

_ROLE: Final = "muc#role"
_ALLOW: Final = "muc#request_allow"


def decide(room: Room, request: Request, sender: Occupant, form: Form) -> Decision:
    """A submitted form of type muc#request."""
    if form.get(_ALLOW) is not None:
        return _answer(room, request, form)
    if form.value(_ROLE, Role.PARTICIPANT) != Role.PARTICIPANT:
        raise Refused("bad-request", "Only voice can be asked for.")
    if sender.role is not Role.VISITOR:
        raise Refused("bad-request", "You have voice already.")
    if room.config.voice_requests_refused:
        raise Refused("forbidden", "Nobody is asked for voice in this room.")
    asked_us = max(session.asked_us for session in room.named(sender.nick))
    if asked_us and request.now_us < asked_us + room.config.voice_request_seconds * 1_000_000:
        raise Refused("resource-constraint", "You have asked a short time ago.", type="wait")
    if not any(o.role is Role.MODERATOR for o in room.occupants.values()):
        raise Refused("recipient-unavailable", "No moderator is in the room.")
    made = event(request)
    made.voice_requested.nick = sender.nick
    made.voice_requested.jid = sender.jid
    return Decision((made,))


def _answer(room: Room, request: Request, form: Form) -> Decision:
    # XEP-0045 §8.6: the box is not ticked, the request is skipped.
    if form.kind == "cancel" or not boolean(form.value(_ALLOW)):
        return NOTHING
    item = Item(role=Role.PARTICIPANT, nick=form.value("muc#roomnick"))
    made = event(request)
    # XEP-0045 §8.3: granting voice, by whoever may grant it.
    rights.roles(room, request, (item,), made)
    return Decision((made,))
