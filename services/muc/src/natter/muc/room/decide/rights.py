"""Roles and affiliations: kick, voice, moderators; bans, members, admins, owners; and their lists. XEP-0045 §8–§10."""

from __future__ import annotations

from collections.abc import Iterable

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.jid import JIDError, bare_of, normalise
from natter.xmpp.xeps.muc import Affiliation, Item, Role, Status, admin_query, parse_admin

from .. import rights
from ..answer import result
from ..events import Event, answered
from ..evolve import evolve
from ..request import Decision, Limits, Refused, Request
from ..state import Occupant, Room
from . import leave, nick


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ with a muc#admin query."""
    try:
        query = request.element().find(f"{{{ns.MUC_ADMIN}}}query")
        items = parse_admin(query) if query is not None else ()
    except ValueError:
        raise Refused("bad-request") from None
    if not items:
        raise Refused("bad-request")
    if request.type == "get":
        return _list(room, request, items)
    if any(len(item.reason.encode()) > limits.reason_bytes_max for item in items):
        raise Refused("policy-violation", f"A reason has at most {limits.reason_bytes_max} bytes.")
    by_role = items[0].role is not None
    for item in items:
        # XEP-0045 §17.4: either roles or affiliations.
        if (item.role is None) == (item.affiliation is None) or (item.role is not None) != by_role:
            raise Refused("bad-request")
    made = answered(request)
    if by_role:
        roles(room, request, items, made)
    else:
        affiliations(room, request, items, limits, made)
    return Decision(leave.deserted(room, request, [made]))


def _actor(room: Room, request: Request) -> tuple[str, Role, Affiliation]:
    """Nickname, role and affiliation of who asks; the nickname is "" for somebody outside."""
    present = room.occupant(request.sender) or next(iter(room.of_bare(request.bare)), None)
    nick, role = (present.nick, present.role) if present is not None else ("", Role.NONE)
    return nick, role, room.affiliation(request.bare)


def roles(room: Room, request: Request, items: Iterable[Item], made: Event) -> None:
    """Write into an event what the items do to roles. Raises Refused."""
    actor, role, affiliation = _actor(room, request)
    change = made.rights_changed
    change.actor = actor
    for item in items:
        new = item.role
        target = room.shown(item.nick)
        if role is not Role.MODERATOR and not rights.leads(affiliation):
            raise Refused(rights.FORBIDDEN)
        if target is None or new is None:
            raise Refused("item-not-found" if item.nick else "bad-request")
        refused = rights.change_role((role, affiliation), (target.role, room.affiliation(target.bare)), new)
        if refused:
            raise Refused(refused)
        statuses = [int(Status.KICKED)] if new is Role.NONE else []
        change.occupants.add(nick=target.nick, role=new, statuses=statuses, reason=item.reason)


def affiliations(room: Room, request: Request, items: Iterable[Item], limits: Limits, made: Event) -> None:
    """Write into an event what the items do to affiliations, and that to occupants. Raises Refused."""
    name, _, actor = _actor(room, request)
    if not rights.leads(actor):
        raise Refused(rights.FORBIDDEN)
    change = made.rights_changed
    change.actor = name
    step = room
    for item in items:
        new = item.affiliation or Affiliation.NONE
        jid = _target(room, item)
        refused = rights.change_affiliation(
            actor,
            step.affiliation(jid),
            new,
            oneself=jid == request.bare,
            last_owner=step.owners() == [jid],
        )
        if refused:
            raise Refused(refused)
        if "@" not in jid and new not in (Affiliation.OUTCAST, Affiliation.NONE):
            raise Refused("bad-request", "A domain can only be banned.")
        one = Event()
        one.rights_changed.affiliations.append(changed(step, jid, item, limits))
        one.rights_changed.occupants.extend(consequences(step, jid, new, item.reason))
        change.MergeFrom(one.rights_changed)
        # What follows is judged by what these items do: two owners cannot both be removed in one request.
        step = evolve(step, one)
    if len(step.affiliations) > max(limits.affiliations_max, len(room.affiliations)):
        raise Refused("resource-constraint", "The room's lists are full.")


def changed(room: Room, jid: str, item: Item, limits: Limits) -> room_pb2.AffiliationChange:
    """The change of one affiliation, with the nickname that is reserved by it. Raises Refused."""
    change = room_pb2.AffiliationChange(jid=jid, affiliation=item.affiliation or Affiliation.NONE, reason=item.reason)
    if item.jid and item.names_nick and item.affiliation not in (Affiliation.NONE, Affiliation.OUTCAST):
        # XEP-0045 §9.3: the nickname given becomes theirs; §9.5: an empty one takes it back.
        change.nick = nick.reservable(room, item.nick, jid, limits) if item.nick else ""
    return change


def _target(room: Room, item: Item) -> str:
    """The bare JID an item is about. XEP-0045 §10.3: of a full JID, the bare one."""
    if not item.jid and (named := room.shown(item.nick)) is not None:
        # Beyond XEP-0045: some clients name an occupant by its nickname.
        return named.bare
    try:
        return bare_of(normalise(item.jid))
    except JIDError:
        raise Refused("jid-malformed" if item.jid else "bad-request") from None


def consequences(room: Room, jid: str, new: Affiliation, reason: str) -> list[room_pb2.OccupantChange]:
    """What a new affiliation does to occupants whose it becomes."""
    once = {occupant.nick: occupant for occupant in room.of_bare(jid)}
    return [_consequence(room, occupant, new, reason) for occupant in once.values()]


def _consequence(room: Room, occupant: Occupant, new: Affiliation, reason: str) -> room_pb2.OccupantChange:
    change = room_pb2.OccupantChange(nick=occupant.nick, reason=reason)
    if new is Affiliation.OUTCAST:
        # XEP-0045 §9.1: 301.
        change.role = Role.NONE
        change.statuses.append(Status.BANNED)
    elif new is Affiliation.NONE and room.config.members_only:
        # XEP-0045 §9.4: 321.
        change.role = Role.NONE
        change.statuses.append(Status.AFFILIATION_LOST)
    else:
        change.role = rights.role_after(room.config, occupant.role, room.affiliation(occupant.bare), new)
    return change


def _list(room: Room, request: Request, items: tuple[Item, ...]) -> Decision:
    _, role, affiliation = _actor(room, request)
    found: list[Item] = []
    for wanted in items:
        if (wanted.role is None) == (wanted.affiliation is None):
            raise Refused("bad-request")
        if wanted.affiliation is not None:
            refused = rights.list_affiliation(affiliation, wanted.affiliation, room.config, role)
            if refused:
                raise Refused(refused)
            found += _affiliated(room, wanted.affiliation)
        elif wanted.role is not None:
            # XEP-0045 §8.5 and §9.8: moderators and admins.
            if role is not Role.MODERATOR and not rights.leads(affiliation):
                raise Refused(rights.FORBIDDEN)
            found += [
                Item(room.affiliation(o.bare), o.role, o.jid, o.nick) for o in room.people() if o.role is wanted.role
            ]
    return Decision(outputs=(result(request, admin_query(found)),))


def _affiliated(room: Room, wanted: Affiliation) -> list[Item]:
    # XEP-0045 §17.4: 'affiliation' and the bare 'jid', the reserved 'nick', no 'role'.
    return [
        Item(a.affiliation, None, jid, a.nick, a.reason)
        for jid, a in room.affiliations.items()
        if a.affiliation is wanted
    ]
