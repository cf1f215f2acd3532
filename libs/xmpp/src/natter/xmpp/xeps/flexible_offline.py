"""XEP-0013: Flexible Offline Message Retrieval.  What waits, looked at, fetched and removed one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..element import E, Element, parse, render
from ..spec import Xep
from . import data_forms, disco
from .data_forms import Field, Form

NS = "http://jabber.org/protocol/offline"
OFFLINE = f"{{{NS}}}offline"
ITEM = f"{{{NS}}}item"
FETCH = f"{{{NS}}}fetch"
PURGE = f"{{{NS}}}purge"
INFO = f"{{{disco.NS}}}query"
ITEMS = f"{{{disco.NS_ITEMS}}}query"
# Of one request.
NODES_MAX = 1000

XEP = Xep(13, "Flexible Offline Message Retrieval", version="1.3", status="complete", features=(NS,))


@dataclass(frozen=True, slots=True)
class Wish:
    """What <offline/> asks for: some messages by node, or all of them."""

    nodes: tuple[str, ...] = ()
    everything: bool = False


def parse_wish(offline: Element, type: str) -> Wish:
    """The request of an IQ of this type. ValueError: it is none."""
    action, all_of_them = ("view", FETCH) if type == "get" else ("remove", PURGE)
    if len(offline) == 1 and offline[0].tag == all_of_them:
        return Wish(everything=True)
    nodes = tuple(item.get("node", "") for item in offline)
    # §2.4, §2.5: one or more, each with what is to be done.
    if not 0 < len(nodes) <= NODES_MAX or any(i.tag != ITEM or i.get("action") != action for i in offline):
        raise ValueError("not a request")
    return Wish(nodes)


def count(number: int) -> Element:
    """§2.2: how many messages wait."""
    form = Form("result", fields=(data_forms.form_type(NS), Field("number_of_messages", (str(number),))))
    identity = disco.Identity("automation", "message-list")
    return disco.info_query(disco.Info((identity,), (NS,), (form,), node=NS))


def headers(account: str, messages: Iterable[tuple[str, str]]) -> Element:
    """§2.3: node and sender of each message."""
    return disco.items_query((disco.Item(account, node, sender) for node, sender in messages), node=NS)


def noted(stanza: bytes, node: str) -> bytes:
    """§2.4: a message that was asked for says which it is."""
    message = parse(stanza)
    message.append(E(OFFLINE, None, E(ITEM, {"node": node})))
    return render(message)
