"""Roles and affiliations: kick, voice, moderators; bans, members, admins, owners; and their lists. XEP-0045 §8–§10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.jid import JIDError, bare_of, domain_of, normalise
from natter.xmpp.xeps.muc import Affiliation, Item, Role, Status, admin_query, parse_admin

from .. import nickname, rights
from ..answer import result
from ..events import Event, answered
from ..request import Decision, Limits, Refused, Request
from ..state import Occupant, Room
from . import leave, nick

_TWICE: Final = "Everybody is named once."


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
    named: set[str] = set()
    for item in items:
        with offending(item):
            new = item.role
            target = room.shown(item.nick)
            if role is not Role.MODERATOR and not rights.leads(affiliation):
                raise Refused(rights.FORBIDDEN)
            if target is None or new is None:
                raise Refused("item-not-found" if item.nick else "bad-request")
            if target.nick in named:
                raise Refused("bad-request", _TWICE)
            refused = rights.change_role((role, affiliation), (target.role, room.affiliation(target.bare)), new)
            if refused:
                raise Refused(refused)
        named.add(target.nick)
        statuses = [int(Status.KICKED)] if new is Role.NONE else []
        change.occupants.add(nick=target.nick, role=new, statuses=statuses, reason=item.reason)


def affiliations(room: Room, request: Request, items: Iterable[Item], limits: Limits, made: Event) -> None:
    """Write into an event what the items do to affiliations, and that to occupants. Raises Refused."""
    name, _, actor = _actor(room, request)
    if not rights.leads(actor):
        raise Refused(rights.FORBIDDEN)
    made.rights_changed.actor = name
    lists = Lists(room, made.rights_changed)
    for item in items:
        with offending(item):
            jid = _target(room, item)
            new = item.affiliation or Affiliation.NONE
            refused = rights.change_affiliation(
                actor,
                room.affiliation(jid),
                new,
                oneself=jid == request.bare,
                last_owner=lists.owners == {jid},
            )
            if refused:
                raise Refused(refused)
            if "@" not in jid and new not in (Affiliation.OUTCAST, Affiliation.NONE):
                raise Refused("bad-request", "A domain can only be banned.")
            lists.put(changed(room, jid, item, limits), new)
    if lists.size > max(limits.affiliations_max, len(room.affiliations)):
        raise Refused("resource-constraint", "The room's lists are full.")


@contextmanager
def offending(item: Item) -> Iterator[None]:
    """Names the item in the refusal that it gives rise to. XEP-0045 §8.4."""
    try:
        yield
    except Refused as refused:
        refused.about = admin_query((item,))
        raise


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


@dataclass(slots=True)
class Lists:
    """The lists of affiliations while the items of one request change them; `change` is written as they do."""

    room: Room
    change: room_pb2.RightsChanged
    owners: set[str] = field(init=False)
    size: int = field(init=False)
    _after: dict[str, Affiliation] = field(default_factory=dict)
    _nicks: set[str] = field(default_factory=set)
    # Everybody in the room by bare JID and nickname.
    _people: dict[str, dict[str, Occupant]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.owners = set(self.room.owners())
        self.size = len(self.room.affiliations)
        for occupant in self.room.occupants.values():
            self._people.setdefault(occupant.bare, {})[occupant.nick] = occupant

    def put(self, one: room_pb2.AffiliationChange, new: Affiliation) -> None:
        """Add a change, and what it does to occupants. Raises Refused."""
        key = nickname.key(one.nick) if one.nick else ""
        if one.jid in self._after:
            raise Refused("bad-request", _TWICE)
        if key in self._nicks:
            raise Refused("conflict", "This nickname is given twice.")
        if key:
            self._nicks.add(key)
        self.size += (new is not Affiliation.NONE) - (one.jid in self.room.affiliations)
        (self.owners.add if new is Affiliation.OWNER else self.owners.discard)(one.jid)
        self._after[one.jid] = new
        self.change.affiliations.append(one)
        self.change.occupants.extend(consequence(self.room, o, new, one.reason) for o in self._touched(one.jid))

    def _touched(self, jid: str) -> list[Occupant]:
        if "@" in jid:
            return list(self._people.get(jid, {}).values())
        # XEP-0045 §9.2: what is said of somebody goes before what is said of his domain.
        whole = [bare for bare in self._people if domain_of(bare) == jid and not self._listed(bare)]
        return [occupant for bare in whole for occupant in self._people[bare].values()]

    def _listed(self, bare: str) -> bool:
        return bare in self._after or bare in self.room.affiliations


def consequences(room: Room, jid: str, new: Affiliation, reason: str) -> list[room_pb2.OccupantChange]:
    """What a new affiliation does to occupants whose it becomes."""
    once = {occupant.nick: occupant for occupant in room.of_bare(jid)}
    return [consequence(room, occupant, new, reason) for occupant in once.values()]


def consequence(room: Room, occupant: Occupant, new: Affiliation, reason: str) -> room_pb2.OccupantChange:
    """What a new affiliation does to one occupant."""
    change = room_pb2.OccupantChange(nick=occupant.nick, reason=reason)
    if new is Affiliation.NONE and room.bans(domain_of(occupant.bare)):
        # Nothing but the entry kept them in.
        new = Affiliation.OUTCAST
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
    # Each list once, however often it is asked for.
    for wanted in {(item.role, item.affiliation): item for item in items}.values():
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
