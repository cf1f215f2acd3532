"""IQs between occupants, and the self-ping. XEP-0045 §17.4, XEP-0410."""

from __future__ import annotations

from natter.xmpp import ns
from natter.xmpp.element import attr_escape
from natter.xmpp.xeps.muc import Role

from ..refusal import refusal
from ..render_presence import occupant_jid
from ..request import IQ, NOTHING, Address, Decision, Output, Refused, Request, present
from ..stanza import readdress
from ..state import Room

_PING = f"{{{ns.PING}}}ping"
_DISCO = (f"{{{ns.DISCO_INFO}}}query", f"{{{ns.DISCO_ITEMS}}}query")


def decide(room: Room, request: Request) -> Decision:
    """An IQ to an occupant JID: handed on to the real one, both sides known by their nicknames only."""
    asking = request.type in ("get", "set")
    sender, target = present(room, request), room.shown(request.nick)
    if sender is None:
        if not asking:
            return NOTHING
        # XEP-0045 §6.6: disco by somebody who is not in the room. XEP-0410 §3.2: a ping tells that one is not in.
        raise Refused("bad-request" if request.payload in _DISCO else "not-acceptable", "You are not in the room.")
    if target is None:
        if not asking:
            return NOTHING
        raise Refused("item-not-found")
    if target.nick == sender.nick and request.payload == _PING and asking:
        return Decision(outputs=(pong(request),))
    if asking and room.config.queries_refused and sender.role is not Role.MODERATOR:
        raise Refused("not-allowed", "Occupants of this room are not queried.")
    address = occupant_jid(room, sender.nick)
    output = Output(
        IQ,
        readdress(request.stanza, address),
        address,
        # Who of several sessions asked is not known any more when the answer comes; the others do not wait for it.
        (target,) if asking else room.named(target.nick),
        type=request.type,
        id=request.id,
        payload=request.payload,
        otherwise=refusal(request, Refused("recipient-unavailable")) if asking else None,
        speaker=request.sender,
    )
    return Decision(outputs=(output,))


def pong(request: Request) -> Output:
    """The empty result."""
    # XEP-0410 §3.2: the room answers for the occupant, so that the client learns that it is still in.
    stanza = f"<iq from='{attr_escape(request.to)}' id='{attr_escape(request.id)}' type='result'/>".encode()
    to = Address(request.sender, request.session)
    return Output(IQ, stanza, request.to, (to,), type="result", id=request.id)
