"""XEP-0030: Service Discovery.  What an entity is and can do, and which entities belong to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import ns
from ..element import XML_LANG, E, Element
from ..spec import Xep
from . import data_forms

NS = ns.DISCO_INFO
NS_ITEMS = ns.DISCO_ITEMS

XEP = Xep(
    30,
    "Service Discovery",
    version="2.5.0",
    status="partial",
    features=(NS, NS_ITEMS),
    note="server, own account, rooms; another account's bare JID does not answer",
)


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Category and type from the XMPP registrar, e.g. server/im."""

    category: str
    type: str
    lang: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An entity, or a node of one, that belongs to another."""

    jid: str
    node: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """What disco#info says. `forms` are extensions by XEP-0128."""

    identities: tuple[Identity, ...]
    features: tuple[str, ...] = ()
    forms: tuple[data_forms.Form, ...] = ()
    node: str = ""


def info_query(info: Info) -> Element:
    """The <query/> of an answer: features once each, in order."""
    query = E(f"{{{NS}}}query", {"node": info.node or None})
    query.extend(
        [
            E(
                f"{{{NS}}}identity",
                {"category": i.category, "type": i.type, "name": i.name or None, "xml:lang": i.lang or None},
            )
            for i in info.identities
        ]
    )
    query.extend([E(f"{{{NS}}}feature", {"var": var}) for var in sorted(set(info.features))])
    query.extend(map(data_forms.render, info.forms))
    return query


def parse_info(query: Element) -> Info:
    """What a disco#info answer says, in its order and with its duplicates. ValueError for a malformed form."""
    return Info(
        tuple(
            Identity(i.get("category", ""), i.get("type", ""), i.get(XML_LANG, ""), i.get("name", ""))
            for i in query.findall(f"{{{NS}}}identity")
        ),
        tuple(f.get("var", "") for f in query.findall(f"{{{NS}}}feature")),
        tuple(map(data_forms.parse, query.findall(f"{{{data_forms.NS}}}x"))),
        query.get("node", ""),
    )


def items_query(items: Iterable[Item], *, node: str = "", children: Iterable[Element] = ()) -> Element:
    """The <query/> of an answer. `children` come last, e.g. a result set (XEP-0059)."""
    query = E(f"{{{NS_ITEMS}}}query", {"node": node or None})
    query.extend(
        [E(f"{{{NS_ITEMS}}}item", {"jid": i.jid, "node": i.node or None, "name": i.name or None}) for i in items]
    )
    query.extend(list(children))
    return query


def parse_items(query: Element) -> tuple[Item, ...]:
    """The items of a disco#items answer."""
    return tuple(
        Item(i.get("jid", ""), i.get("node", ""), i.get("name", "")) for i in query.findall(f"{{{NS_ITEMS}}}item")
    )
