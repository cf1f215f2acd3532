"""XEP-0045: Multi-User Chat.  Namespaces, status codes, shapes of <x/> and <query/>; rooms live in services/muc."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from .. import ns
from ..element import E, Element
from ..spec import Xep
from . import data_forms, date_time

NS = ns.MUC
NS_USER = ns.MUC_USER
NS_ADMIN = ns.MUC_ADMIN
NS_OWNER = ns.MUC_OWNER
ROOMCONFIG = ns.MUC_ROOMCONFIG
ROOMINFO = ns.MUC_ROOMINFO
REQUEST = ns.MUC_REQUEST
REGISTER = ns.MUC_REGISTER

# XEP-0045 §16.4: well-known disco nodes.
NODE_ROOMS: Final = "http://jabber.org/protocol/muc#rooms"
NODE_NICK: Final = "x-roomuser-item"
NODE_TRAFFIC: Final = "http://jabber.org/protocol/muc#traffic"

XEP = Xep(45, "Multi-User Chat", version="1.35.5", status="partial", features=(NS,))


class Affiliation(StrEnum):
    """XEP-0045 §5.2: the lasting relation of a bare JID to a room."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    NONE = "none"
    OUTCAST = "outcast"


class Role(StrEnum):
    """XEP-0045 §5.1: what an occupant may do while in the room."""

    MODERATOR = "moderator"
    PARTICIPANT = "participant"
    VISITOR = "visitor"
    NONE = "none"


class Status(IntEnum):
    """XEP-0045 §16.6.2: status codes."""

    NON_ANONYMOUS = 100
    AFFILIATION_CHANGED = 101
    SHOWS_UNAVAILABLE_MEMBERS = 102
    HIDES_UNAVAILABLE_MEMBERS = 103
    CONFIGURATION_CHANGED = 104
    SELF = 110
    LOGGING_ENABLED = 170
    LOGGING_DISABLED = 171
    NOW_NON_ANONYMOUS = 172
    NOW_SEMI_ANONYMOUS = 173
    CREATED = 201
    NICK_ASSIGNED = 210
    BANNED = 301
    NEW_NICK = 303
    KICKED = 307
    AFFILIATION_LOST = 321
    MEMBERS_ONLY = 322
    SHUTDOWN = 332
    TECHNICAL_REASON = 333


@dataclass(frozen=True, slots=True)
class Item:
    """One <item/> of muc#user or muc#admin. None and "" are left out of the element."""

    affiliation: Affiliation | None = None
    role: Role | None = None
    jid: str = ""
    nick: str = ""
    reason: str = ""
    actor_nick: str = ""
    actor_jid: str = ""
    # Whether a nickname stands there, be it an empty one: XEP-0045 §9.5, to take a reserved one back.
    names_nick: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class History:
    """How much discussion history a join asks for (XEP-0045 §7.2.14); None where it does not say."""

    characters_max: int | None = None
    stanzas_max: int | None = None
    seconds_max: int | None = None
    since_us: int | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """The <x xmlns='…/muc'/> of a join (XEP-0045 §7.2)."""

    password: str | None = None
    history: History = History()


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destruction of a room (XEP-0045 §10.9): where to go instead, and why."""

    alternate: str = ""
    reason: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Invite:
    """A mediated invitation or its decline (XEP-0045 §7.8.2). `peer`: `to` in requests, `from` in what a room sends."""

    peer: str
    reason: str = ""
    thread: str | None = None


def parse_join(x: Element) -> Join:
    """What a join asks for. A limit that is no number is taken for absent: it is only a wish."""
    history = x.find(f"{{{NS}}}history")
    wish = History()
    if history is not None:
        wish = History(
            _number(history.get("maxchars")),
            _number(history.get("maxstanzas")),
            _number(history.get("seconds")),
            _moment(history.get("since")),
        )
    return Join(x.findtext(f"{{{NS}}}password"), wish)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and len(text) <= 10 and text.isascii() and text.isdigit() else None


def _moment(text: str | None) -> int | None:
    try:
        return None if text is None else date_time.parse(text)
    except ValueError:
        return None


def item_element(item: Item, namespace: str = NS_USER) -> Element:
    """<item/> in muc#user or muc#admin."""
    element = E(
        f"{{{namespace}}}item",
        {
            "affiliation": item.affiliation,
            "jid": item.jid or None,
            "nick": item.nick or None,
            "role": item.role,
        },
    )
    if item.actor_nick or item.actor_jid:
        element.append(E(f"{{{namespace}}}actor", {"nick": item.actor_nick or None, "jid": item.actor_jid or None}))
    if item.reason:
        element.append(E(f"{{{namespace}}}reason", None, item.reason))
    return element


def user_x(*items: Item, statuses: Iterable[int] = (), destroy: Destroy | None = None) -> Element:
    """The <x xmlns='…/muc#user'/> that a room puts into presence and messages. Statuses in rising order."""
    x = E(f"{{{NS_USER}}}x", None, *map(item_element, items))
    if destroy is not None:
        x.append(_destroy_element(destroy, NS_USER))
    x.extend([E(f"{{{NS_USER}}}status", {"code": str(int(code))}) for code in sorted(statuses)])
    return x


def _destroy_element(destroy: Destroy, namespace: str) -> Element:
    element = E(f"{{{namespace}}}destroy", {"jid": destroy.alternate or None})
    if destroy.reason:
        element.append(E(f"{{{namespace}}}reason", None, destroy.reason))
    if destroy.password:
        element.append(E(f"{{{namespace}}}password", None, destroy.password))
    return element


def parse_user_x(x: Element) -> tuple[tuple[Item, ...], frozenset[int]]:
    """Items and status codes of an <x/> in muc#user, as a client or a test reads them. ValueError if malformed."""
    codes = frozenset(int(s.get("code", "0")) for s in x.findall(f"{{{NS_USER}}}status"))
    return tuple(map(parse_item, x.findall(f"{{{NS_USER}}}item"))), codes


def parse_item(element: Element) -> Item:
    """One <item/>, of any of the muc namespaces. ValueError for an unknown role or affiliation."""
    affiliation, role = element.get("affiliation"), element.get("role")
    namespace = element.tag.partition("}")[0] + "}"
    actor = element.find(f"{namespace}actor")
    return Item(
        None if affiliation is None else Affiliation(affiliation),
        None if role is None else Role(role),
        element.get("jid", ""),
        element.get("nick", ""),
        element.findtext(f"{namespace}reason") or "",
        "" if actor is None else actor.get("nick", ""),
        "" if actor is None else actor.get("jid", ""),
        "nick" in element.attrib,
    )


def parse_admin(query: Element) -> tuple[Item, ...]:
    """The items of a muc#admin query (XEP-0045 §9), at least one. ValueError if malformed: bad-request."""
    items = tuple(map(parse_item, query.findall(f"{{{NS_ADMIN}}}item")))
    if not items:
        raise ValueError("a muc#admin query has no item")
    return items


def admin_query(items: Iterable[Item]) -> Element:
    """The muc#admin query of a result: a list of affiliations or roles (XEP-0045 §9.5)."""
    return E(f"{{{NS_ADMIN}}}query", None, *(item_element(item, NS_ADMIN) for item in items))


def parse_owner(query: Element) -> Destroy | data_forms.Form | None:
    """What a muc#owner query holds: a destruction, a form, or nothing (XEP-0045 §10). ValueError if malformed."""
    destroy = query.find(f"{{{NS_OWNER}}}destroy")
    if destroy is not None:
        return Destroy(
            destroy.get("jid", ""),
            destroy.findtext(f"{{{NS_OWNER}}}reason") or "",
            destroy.findtext(f"{{{NS_OWNER}}}password") or "",
        )
    return data_forms.find(query)


def owner_query(*children: Element) -> Element:
    """The muc#owner query of a result, round a configuration form (XEP-0045 §10.2)."""
    return E(f"{{{NS_OWNER}}}query", None, *children)


def parse_invites(x: Element) -> tuple[Invite, ...]:
    """The mediated invitations that an occupant asks a room to send (XEP-0045 §7.8.2)."""
    return tuple(
        Invite(element.get("to", ""), element.findtext(f"{{{NS_USER}}}reason") or "", _thread(element))
        for element in x.findall(f"{{{NS_USER}}}invite")
    )


def _thread(invite: Element) -> str | None:
    further = invite.find(f"{{{NS_USER}}}continue")
    return None if further is None else further.get("thread", "")


def parse_decline(x: Element) -> Invite | None:
    """The decline of a mediated invitation (XEP-0045 §7.8.2)."""
    decline = x.find(f"{{{NS_USER}}}decline")
    if decline is None:
        return None
    return Invite(decline.get("to", ""), decline.findtext(f"{{{NS_USER}}}reason") or "")


def invitation(invite: Invite, *, password: str = "") -> Element:
    """The <x/> that a room sends to somebody invited; `invite.peer` is who invites (XEP-0045 §7.8.2)."""
    x = E(f"{{{NS_USER}}}x", None, _invite_element("invite", invite))
    if password:
        x.append(E(f"{{{NS_USER}}}password", None, password))
    return x


def declined(decline: Invite) -> Element:
    """The <x/> that a room sends to the inviter; `decline.peer` is who declines (XEP-0045 §7.8.2)."""
    return E(f"{{{NS_USER}}}x", None, _invite_element("decline", decline))


def _invite_element(name: str, invite: Invite) -> Element:
    element = E(f"{{{NS_USER}}}{name}", {"from": invite.peer})
    if invite.reason:
        element.append(E(f"{{{NS_USER}}}reason", None, invite.reason))
    if invite.thread is not None:
        element.append(E(f"{{{NS_USER}}}continue", {"thread": invite.thread or None}))
    return element
