"""The room's card and picture. XEP-0486 §3."""

from __future__ import annotations

from natter.xmpp.element import parse, render
from natter.xmpp.xeps import room_avatar
from natter.xmpp.xeps.muc import Affiliation

from ..answer import result
from ..events import answered
from ..request import Decision, Limits, Refused, Request
from ..state import Room


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ with a vCard."""
    if request.type == "get":
        known = parse(b"<iq>%b</iq>" % room.card)[0] if room.card else room_avatar.empty()
        return Decision(outputs=(result(request, known),))
    # XEP-0486 §3.2: whoever may not is told `forbidden`.
    if room.affiliation(request.bare) is not Affiliation.OWNER:
        raise Refused("forbidden", "Only owners give the room a picture.")
    card = request.element().find(room_avatar.CARD)
    if card is None:
        raise Refused("bad-request")
    card.tail = None
    raw = render(card) if len(card) else b""
    if len(raw) > limits.card_bytes_max:
        raise Refused("not-acceptable", f"A room's card has at most {limits.card_bytes_max} bytes.")
    made = answered(request)
    made.card_changed.card = raw
    try:
        made.card_changed.avatars.extend(room_avatar.avatars(card))
    except ValueError as error:
        raise Refused("not-acceptable", str(error)) from None
    return Decision((made,))
