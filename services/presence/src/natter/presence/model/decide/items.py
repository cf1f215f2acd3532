"""Roster get and set: RFC 6121 §2.2 to §2.5."""

from __future__ import annotations

from dataclasses import dataclass, replace

from natter.proto.v1 import bus_pb2
from natter.xmpp import jid as jids
from natter.xmpp.element import Element, parse

from .. import render
from ..effects import Command, Decision, Effect, Limits, Policy, Push
from ..events import Contact, ContactChanged, ContactRemoved, RosterEvent
from ..roster import Roster, contact_of, view
from ..user import SessionChanged, User
from .contacts import hide, tell
from .leaving import current
from .reply import Refused, error, refusal, result


@dataclass(frozen=True, slots=True)
class Item:
    """What a client asks for in a roster set."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    remove: bool = False


def foreign(user: User, command: Command, policy: Policy) -> Decision | None:
    """Somebody else's roster."""
    frame = command.frame
    if frame.payload != render.ROSTER_QUERY or frame.to in ("", user.jid, policy.domain):
        return None
    # RFC 6121 §2.3.3: not authorised; whether the account exists makes no difference.
    return Decision(effects=(error(frame, "forbidden"),))


def get(user: User, command: Command, policy: Policy) -> Decision | None:
    """The whole roster, to a client that does not version it."""
    frame = command.frame
    if frame.payload != render.ROSTER_QUERY or frame.type != "get":
        return None
    return interested(user, frame, policy, (result(frame, render.whole(user.roster, None)),))


def interested(user: User, frame: bus_pb2.Frame, policy: Policy, effects: tuple[Effect, ...]) -> Decision:
    """RFC 6121 §2.2: who asks for the roster wants the pushes from now on."""
    session, before = current(user, frame, policy)
    changes = () if session.interested else (SessionChanged(replace(session, interested=True)),)
    return Decision((), changes, (*before, *effects))


def set_(user: User, command: Command, policy: Policy) -> Decision | None:
    """Add, change or remove one item."""
    frame = command.frame
    if frame.payload != render.ROSTER_QUERY or frame.type != "set":
        return None
    try:
        item = read(parse(frame.stanza), policy.limits)
        if command.applied:
            return _again(user, frame, item, policy)
        if item.remove:
            return _remove(user, frame, item.jid, policy)
        events = change(user.roster, item, policy.limits)
    except Refused as refused:
        return refusal(frame, refused)
    return Decision(events, (), (*pushes(user, item.jid, bool(events)), result(frame)))


def read(iq: Element, limits: Limits) -> Item:
    """The one item of a roster set. Raises Refused."""
    query = iq.find(render.ROSTER_QUERY)
    items = [] if query is None else query.findall(render.ROSTER_ITEM)
    # RFC 6121 §2.3.3: exactly one item.
    if len(items) != 1:
        raise Refused("bad-request", "one item")
    element = items[0]
    try:
        jid = jids.parse(element.get("jid", "")).bare
    except jids.JIDError as mistake:
        raise Refused("jid-malformed") from mistake
    # RFC 6121 §2.1.2.5: every other value of 'subscription' is ignored, and so are 'ask' and 'approved'.
    if element.get("subscription") == "remove":
        return Item(jid, remove=True)
    name = element.get("name", "")
    # RFC 6121 §2.3.3: a name above the limit.
    if len(name.encode()) > limits.name_bytes_max:
        raise Refused("not-acceptable", f"name above {limits.name_bytes_max} bytes")
    return Item(jid, name, _groups(element, limits))


def _groups(element: Element, limits: Limits) -> tuple[str, ...]:
    groups = tuple(group.text or "" for group in element.findall(render.ROSTER_GROUP))
    # RFC 6121 §2.3.3: the same group twice.
    if len(set(groups)) != len(groups):
        raise Refused("bad-request", "the same group twice")
    # RFC 6121 §2.3.3: an empty group, or one above the limit.
    if not all(groups):
        raise Refused("not-acceptable", "empty group")
    if len(groups) > limits.groups_max:
        raise Refused("not-acceptable", f"more than {limits.groups_max} groups")
    if any(len(group.encode()) > limits.group_bytes_max for group in groups):
        raise Refused("not-acceptable", f"group above {limits.group_bytes_max} bytes")
    return groups


def change(roster: Roster, item: Item, limits: Limits) -> tuple[RosterEvent, ...]:
    """Add or change an item; the same set twice changes once. Raises Refused at a limit."""
    before = contact_of(roster, item.jid)
    after = replace(before, name=item.name, groups=item.groups, listed=True)
    if after == before:
        return ()
    check_room(roster, after, limits)
    return (ContactChanged(after),)


def check_room(roster: Roster, contact: Contact, limits: Limits) -> None:
    """Raises Refused when the roster cannot take `contact` as it would be."""
    before = roster.contacts.get(contact.jid)
    others = [other for other in roster.contacts.values() if other is not before]
    if contact.listed and view(before) is None and sum(other.listed for other in others) >= limits.items_max:
        raise Refused("resource-constraint", f"more than {limits.items_max} items")
    if before is not None and cost(contact) <= cost(before):
        return
    if cost(contact) + sum(map(cost, others)) > limits.roster_bytes_max:
        raise Refused("resource-constraint", f"roster above {limits.roster_bytes_max} bytes")


def cost(contact: Contact) -> int:
    """Bytes that the item takes in a roster result and in a snapshot."""
    return len(render.item(contact)) + len(contact.request)


def pushes(user: User, jid: str, changed: bool) -> tuple[Push, ...]:
    """RFC 6121 §2.1.6: to every session that asked for the roster."""
    sessions = tuple(session.session for session in user.interested())
    return (Push(jid, sessions),) if changed and sessions else ()


def _remove(user: User, frame: bus_pb2.Frame, jid: str, policy: Policy) -> Decision:
    before = contact_of(user.roster, jid)
    if view(before) is None:
        # RFC 6121 §2.5.3: not in the roster.
        raise Refused("item-not-found")
    effects: list[Effect] = [*pushes(user, jid, True)]
    if policy.is_local(jid):
        # RFC 6121 §2.5.2: both subscriptions end with the item; a request that waits is refused.
        if before.state.to or before.state.pending_out:
            effects.append(tell(user.jid, jid, "unsubscribe"))
        if before.state.from_ or before.state.pending_in:
            effects.append(tell(user.jid, jid, "unsubscribed"))
        if before.state.from_:
            effects += hide(user, jid)
    return Decision((ContactRemoved(jid),), (), (*effects, result(frame)))


def _again(user: User, frame: bus_pb2.Frame, item: Item, policy: Policy) -> Decision:
    """A roster set that the journal has already: say again what may not have been heard."""
    if not item.remove and view(user.roster.contacts.get(item.jid)) is None:
        # Refused then, or removed since.
        change(user.roster, item, policy.limits)
    effects: list[Effect] = [*pushes(user, item.jid, True)]
    if item.remove and item.jid not in user.roster.contacts and policy.is_local(item.jid):
        effects += (tell(user.jid, item.jid, "unsubscribe"), tell(user.jid, item.jid, "unsubscribed"))
        effects += hide(user, item.jid)
    return Decision(effects=(*effects, result(frame)))
