"""A refusal as the stanza error that its sender gets."""

from __future__ import annotations

from natter.xmpp import ns
from natter.xmpp.element import attr_escape, render, start_tag
from natter.xmpp.errors import error_element
from natter.xmpp.xeps import carbons

from .request import MESSAGE, PRESENCE, Address, Output, Refused, Request


def refusal(request: Request, refused: Refused) -> Output:
    """The error for a request, from the address it was sent to, said `by` the room (XEP-0045 §7.2.5)."""
    name, attributes = start_tag(request.stanza)
    id = b" id=" + attributes[b"id"] if b"id" in attributes else b""
    head = b"<%b%b from='%b' type='error'>" % (name, id, attr_escape(request.to).encode())
    error = error_element(refused.condition, type=refused.type, text=refused.text, by=request.room)
    if refused.address:
        error[0].text = refused.address
    # XEP-0045 §7.2.5: clients tell a room's presence error from others by this empty element.
    x = f"<x xmlns='{ns.MUC}'/>".encode() if request.kind == PRESENCE else b""
    if refused.about is not None:
        x = render(refused.about)
    stanza = b"%b%b%b</%b>" % (head, x, render(error), name)
    to = Address(request.sender, request.session)
    # XEP-0280 §6.1: of an error in response to what was copied.
    copied = request.kind == MESSAGE and carbons.eligible(request.type, request.traits, request.to)
    return Output(request.kind, stanza, request.to, (to,), type="error", id=request.id, copied=copied)
