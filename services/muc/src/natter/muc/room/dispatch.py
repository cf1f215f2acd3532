"""From a stanza to the verb that it is. The one function that the service calls."""

from __future__ import annotations

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.element import attr_escape
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import data_forms, moderation, room_avatar
from natter.xmpp.xeps.hats import COMMAND
from natter.xmpp.xeps.muc import Affiliation, Role, Status

from .answer import result
from .decide import (
    archive,
    availability,
    card,
    configure,
    discover,
    enter,
    hats,
    invite,
    leave,
    message,
    moderate,
    nick,
    private,
    register,
    relay,
    rights,
    voice,
)
from .refusal import refusal
from .request import (
    ALREADY,
    IQ,
    MESSAGE,
    NOTHING,
    PRESENCE,
    Address,
    Decision,
    Limits,
    Output,
    Refused,
    Request,
    present,
)
from .state import Room

_ADMIN = f"{{{ns.MUC_ADMIN}}}query"
_OWNER = f"{{{ns.MUC_OWNER}}}query"
_INFO = f"{{{ns.DISCO_INFO}}}query"
_ITEMS = f"{{{ns.DISCO_ITEMS}}}query"
_PING = f"{{{ns.PING}}}ping"


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """What follows from a request. Deciding again on the room after its events yields no event."""
    try:
        decision = _verb(room, request, limits)
    except Refused as refused:
        # RFC 6120 §8.3.1: no error in answer to an error; nobody waits for an answer to a result or to leaving.
        if request.type in ("error", "result", "unavailable"):
            return NOTHING
        return Decision(outputs=(refusal(request, refused),))
    if decision.events and applied(room, request) and not is_fleeting(decision.events[0], limits):
        return ALREADY
    return decision


def applied(room: Room, request: Request) -> bool:
    """Whether the room's events go as far as this request or further: it has come again."""
    cause = request.cause
    known = room.applied.get(cause.source) if cause.sequence else None
    return known is not None and known.covers(cause.sequence, cause.index, cause.accepted_us)


def is_fleeting(event: room_pb2.RoomEvent, limits: Limits) -> bool:
    """Whether the event goes into no journal, which then does not know that it has happened."""
    return not limits.keep_words and event.HasField("message_sent")


def _verb(room: Room, request: Request, limits: Limits) -> Decision:
    if request.kind == MESSAGE:
        return _message(room, request, limits)
    if request.kind == PRESENCE:
        return _presence(room, request, limits)
    return _iq(room, request, limits) if request.kind == IQ else NOTHING


def _visible(room: Room, request: Request) -> None:
    """Raise Refused where the room does not exist for the sender."""
    # XEP-0045 §17.2: not there, or not yet unlocked.
    if not room.exists or (room.locked and room.affiliation(request.bare) is not Affiliation.OWNER):
        raise Refused("item-not-found")


def _message(room: Room, request: Request, limits: Limits) -> Decision:
    _visible(room, request)
    if request.type == "error":
        return private.error(room, request)
    if request.nick:
        return private.decide(room, request, limits)
    if request.type == "groupchat":
        return message.decide(room, request, limits)
    form = _form(request)
    if form is not None and form.form_type == ns.MUC_REQUEST:
        return voice.decide(room, request, message.speaker(room, request), form)
    if form is not None and form.form_type == ns.MUC_REGISTER:
        return register.approve(room, request, form, limits)
    return invite.decide(room, request, limits)


def _form(request: Request) -> data_forms.Form | None:
    """The data form in a message that is for the room itself."""
    if b"jabber:x:data" not in request.stanza:
        return None
    try:
        return data_forms.find(request.element())
    except ValueError:
        raise Refused("bad-request") from None


def _presence(room: Room, request: Request, limits: Limits) -> Decision:
    if request.type == "unavailable":
        return leave.decide(room, request, limits)
    sender = present(room, request)
    if request.type == "error":
        return leave.ghost(room, request, sender) if sender and leave.undeliverable(request) else NOTHING
    if request.type:
        # XEP-0045 §17.3: neither a request to join nor to leave; probes and subscriptions are not answered.
        return NOTHING
    if request.traits & Trait.MUC_JOIN:
        return enter.decide(room, request, limits)
    if sender is None:
        return Decision(outputs=(_not_in_the_room(request),)) if request.nick else NOTHING
    if sender.nick == request.nick:
        return availability.decide(room, request, sender, limits)
    return nick.decide(room, request, sender, limits)


def _not_in_the_room(request: Request) -> Output:
    """What a client is told that believes to be in the room. XEP-0045 §7.2.18."""
    statuses = "".join(f"<status code='{int(s)}'/>" for s in (Status.SELF, Status.KICKED, Status.TECHNICAL_REASON))
    item = f"<item affiliation='{Affiliation.NONE}' role='{Role.NONE}'><reason>You are not in the room.</reason></item>"
    x = f"<x xmlns='{ns.MUC_USER}'>{item}{statuses}</x>"
    stanza = f"<presence from='{attr_escape(request.to)}' type='unavailable'>{x}</presence>".encode()
    to = Address(request.sender, request.session)
    return Output(PRESENCE, stanza, request.to, (to,), type="unavailable")


def _iq(room: Room, request: Request, limits: Limits) -> Decision:
    asking = request.type in ("get", "set")
    if not asking and not request.nick:
        return NOTHING
    _visible(room, request)
    if request.nick:
        return relay.decide(room, request)
    match request.type, request.payload:
        case _, name if name == _ADMIN:
            return rights.decide(room, request, limits)
        case _, name if name == _OWNER:
            return configure.decide(room, request, limits)
        case _, name if name == register.QUERY:
            return register.decide(room, request, limits)
        case _, name if name in archive.PAYLOADS:
            return archive.decide(room, request, limits)
        case "set", name if name == moderation.MODERATE:
            return moderate.decide(room, request, limits)
        case "set", name if name == COMMAND:
            return hats.decide(room, request, limits)
        case _, name if name == room_avatar.CARD:
            return card.decide(room, request, limits)
        case "get", name if name == _INFO:
            return discover.info(room, request, limits)
        case "get", name if name == _ITEMS:
            return discover.items(room, request)
        case "get", name if name == _PING:
            return Decision(outputs=(result(request),))
        case _:
            # RFC 6120 §8.4: nothing else is offered.
            raise Refused("service-unavailable")
