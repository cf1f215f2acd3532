"""What the conference host answers: which rooms there are, and that it is a chat service. XEP-0045 §6.2, §6.3."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence

from natter.xmpp import ns
from natter.xmpp.xeps import disco, room_avatar, rsm, unique_room_names

from .answer import result
from .refusal import refusal
from .request import IQ, MESSAGE, NOTHING, Decision, Refused, Request

FEATURES = (
    ns.DISCO_INFO,
    ns.DISCO_ITEMS,
    ns.MUC,
    "http://jabber.org/protocol/muc#stable_id",
    ns.OCCUPANT_ID,
    ns.RSM,
    ns.PING,
    unique_room_names.NS,
    room_avatar.NS,
)
# Rooms on one page of the list; who wants more asks for the next page.
PAGE_ROOMS_MAX = 200

_INFO = f"{{{ns.DISCO_INFO}}}query"
_ITEMS = f"{{{ns.DISCO_ITEMS}}}query"
_UNIQUE = f"{{{unique_room_names.NS}}}unique"
_PING = f"{{{ns.PING}}}ping"


def decide(request: Request, rooms: Sequence[disco.Item]) -> Decision:
    """A stanza to the host itself. `rooms` are the public ones, by JID."""
    try:
        return _decide(request, rooms)
    except Refused as refused:
        return NOTHING if request.type in ("error", "result") else Decision(outputs=(refusal(request, refused),))


def _decide(request: Request, rooms: Sequence[disco.Item]) -> Decision:
    if request.kind == MESSAGE and request.type not in ("headline", "error"):
        raise Refused("service-unavailable")
    if request.kind != IQ or request.type in ("result", "error"):
        return NOTHING
    if request.type != "get":
        raise Refused("service-unavailable")
    if request.payload == _PING:
        return Decision(outputs=(result(request),))
    if request.payload == _INFO:
        return _info(request)
    if request.payload == _UNIQUE:
        # XEP-0307 §3: a name that nobody can have thought of.
        name = b32encode(request.fresh[:10]).decode().lower()
        return Decision(outputs=(result(request, unique_room_names.unique(name)),))
    if request.payload == _ITEMS:
        return _items(request, rooms)
    raise Refused("service-unavailable")


def _info(request: Request) -> Decision:
    query = request.element().find(_INFO)
    if query is not None and query.get("node"):
        raise Refused("item-not-found")
    told = disco.Info((disco.Identity("conference", "text", name="Chatrooms"),), FEATURES)
    return Decision(outputs=(result(request, disco.info_query(told)),))


def _items(request: Request, rooms: Sequence[disco.Item]) -> Decision:
    query = request.element().find(_ITEMS)
    if query is None or query.get("node"):
        raise Refused("item-not-found")
    try:
        wanted = rsm.find(query)
        chosen, page = rsm.page(rooms, lambda item: item.jid, wanted, PAGE_ROOMS_MAX)
    except LookupError:
        raise Refused("item-not-found") from None
    except ValueError:
        raise Refused("bad-request") from None
    # XEP-0045 §6.3: a partial list says so.
    partial = wanted is not None or len(chosen) < len(rooms)
    children = (rsm.result(page),) if partial else ()
    return Decision(outputs=(result(request, disco.items_query(chosen, children=children)),))
