"""Registering with a room: becoming a member, and having a nickname reserved. XEP-0045 §7.10 and §9.9."""

from __future__ import annotations

from typing import Final

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.element import E, Element
from natter.xmpp.jid import local_of
from natter.xmpp.xeps import data_forms, registration
from natter.xmpp.xeps.data_forms import Field, Form, boolean
from natter.xmpp.xeps.muc import Affiliation

from ..answer import result
from ..events import Event, answered, event
from ..request import Decision, Limits, Refused, Request
from ..rights import leads
from ..state import Room
from . import leave, nick, rights

# The disco feature, and the query that is answered.
FEATURE: Final = registration.NS
QUERY: Final = f"{{{ns.REGISTER}}}query"
_NICK: Final = "muc#register_roomnick"
_ALLOW: Final = "muc#register_allow"


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ with a jabber:iq:register query."""
    affiliation = room.affiliation(request.bare)
    if affiliation is Affiliation.OUTCAST or (affiliation is Affiliation.NONE and _rule(room) == "closed"):
        raise Refused("not-allowed", "You may not register with this room.")
    query = request.element().find(QUERY)
    if request.type == "get" or query is None:
        return Decision(outputs=(result(request, _requirements(room, request.bare)),))
    try:
        form = data_forms.find(query)
    except ValueError:
        raise Refused("bad-request") from None
    if form is None:
        if query.find(f"{{{ns.REGISTER}}}remove") is None:
            raise Refused("bad-request", "A data form is needed.")
        return _remove(room, request, affiliation)
    # XEP-0045 §7.10: no valid form.
    if form.kind != "submit" or form.form_type != ns.MUC_REGISTER or not form.value(_NICK):
        raise Refused("bad-request", "The form of this room is needed, with a nickname.")
    wanted = nick.reservable(room, form.value(_NICK), request.bare, limits)
    made = answered(request)
    if affiliation is Affiliation.NONE and _rule(room) == "approval":
        if len(room.registrations) >= limits.registrations_max and request.bare not in room.registrations:
            raise Refused("resource-constraint", "Too many people wait to be registered.")
        made.registration_requested.jid = request.bare
        made.registration_requested.nick = wanted
        return Decision((made,))
    _member(room, made, request.bare, affiliation, wanted, limits)
    return Decision((made,))


def approve(room: Room, request: Request, form: Form, limits: Limits) -> Decision:
    """An admin's answer to a request: a submitted form of type muc#register in a message."""
    if not leads(room.affiliation(request.bare)):
        raise Refused("forbidden")
    jid = form.value("muc#jid")
    wanted = room.registrations.get(jid)
    if wanted is None:
        raise Refused("item-not-found", "Nobody of that name waits to be registered.")
    made = event(request)
    if boolean(form.value(_ALLOW)):
        # Meanwhile it may have become somebody else's.
        _member(room, made, jid, room.affiliation(jid), nick.reservable(room, wanted, jid, limits), limits)
        present = room.occupant(request.sender)
        made.rights_changed.actor = present.nick if present is not None else ""
    else:
        made.registration_refused.jid = jid
    return Decision((made,))


def _rule(room: Room) -> str:
    """Whether one becomes a member "open"ly, by "approval", or not at all ("closed")."""
    config = room.config
    # To be a member is worth something where others may not speak or enter: that is for admins to give.
    return config.registration or ("approval" if config.moderated or config.members_only else "open")


def _member(room: Room, made: Event, jid: str, before: Affiliation, reserved: str, limits: Limits) -> None:
    new = Affiliation.MEMBER if before is Affiliation.NONE else before
    if jid not in room.affiliations and len(room.affiliations) >= limits.affiliations_max:
        raise Refused("resource-constraint", "The room's lists are full.")
    known = room.affiliations.get(jid)
    reason = known.reason if known is not None else ""
    change = room_pb2.AffiliationChange(jid=jid, affiliation=new, reason=reason, nick=reserved)
    made.rights_changed.affiliations.append(change)
    if new is not before:
        made.rights_changed.occupants.extend(rights.consequences(room, jid, new, ""))


def _remove(room: Room, request: Request, affiliation: Affiliation) -> Decision:
    """XEP-0077 §3.2: cancel a registration. Admins and owners lose their reserved nickname only."""
    known = room.affiliations.get(request.bare)
    if known is None:
        raise Refused("registration-required", "You are not registered.")
    made = answered(request)
    new = affiliation if leads(affiliation) else Affiliation.NONE
    change = room_pb2.AffiliationChange(jid=request.bare, affiliation=new, nick="")
    made.rights_changed.affiliations.append(change)
    if new is not affiliation:
        made.rights_changed.occupants.extend(rights.consequences(room, request.bare, new, ""))
    return Decision(leave.deserted(room, request, [made]))


def _requirements(room: Room, bare: str) -> Element:
    known = room.affiliations.get(bare)
    query = E(f"{{{ns.REGISTER}}}query")
    if known is not None:
        # XEP-0045 §7.10: registered already, and under which nickname.
        query.append(E(f"{{{ns.REGISTER}}}registered"))
        query.append(E(f"{{{ns.REGISTER}}}username", None, known.nick))
    query.append(data_forms.render(_form(room, known.nick if known is not None else "")))
    return query


def _form(room: Room, reserved: str) -> Form:
    name = room.config.name or local_of(room.jid)
    return Form(
        "form",
        (
            data_forms.form_type(ns.MUC_REGISTER),
            Field(_NICK, (reserved,) if reserved else (), "text-single", "Desired Nickname", required=True),
        ),
        title=f"{name} Registration",
        instructions=("Choose the nickname that is kept for you in this room.",),
    )
