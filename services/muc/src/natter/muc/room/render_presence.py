"""Presence as occupants see each other's: XEP-0045 §7.2.2 and what differs from one recipient to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from natter.xmpp import ns
from natter.xmpp.element import attr_escape, render
from natter.xmpp.xeps.hats import element as hats_element
from natter.xmpp.xeps.muc import Affiliation, Destroy, Role, Status, user_x
from natter.xmpp.xeps.occupant_id import occupant_id

from .request import PRESENCE, Output
from .rights import sees_jids
from .state import Occupant, Room

# Presences of occupants as others see them, half a kilobyte each: whoever enters is shown all of them.
_STANDING_KEPT_MAX: Final = 8192
# Of presences that go together; with their addresses they fit into one series of the bus.
_SERIES_BYTES_MAX: Final = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a presence says beside the occupant's own words."""

    affiliation: Affiliation
    role: Role
    gone: bool = False
    statuses: tuple[int, ...] = ()
    # Only to the occupant itself, beside 110.
    own_statuses: tuple[int, ...] = ()
    new_nick: str = ""
    actor: str = ""
    reason: str = ""
    # The id of the stanza it answers, for the occupant itself.
    id: str = ""


def about(room: Room, occupant: Occupant) -> About:
    """An occupant as it stands in the room."""
    return About(affiliation=room.affiliation(occupant.bare), role=occupant.role)


def occupant_jid(room: Room, nick: str) -> str:
    """room@host/nick."""
    return f"{room.jid}/{nick}"


def stanza(room: Room, occupant: Occupant, what: About, *, show_jid: bool, oneself: bool = False) -> bytes:
    """The presence element without `to`."""
    statuses = what.statuses
    if oneself:
        # XEP-0045 §7.2.2: 110 says that it is about the recipient; statuses in rising order.
        statuses = tuple(sorted({*statuses, *what.own_statuses, int(Status.SELF)}))
    head = f" from='{attr_escape(occupant_jid(room, occupant.nick))}'"
    if oneself and what.id:
        head += f" id='{attr_escape(what.id)}'"
    if what.gone:
        head += " type='unavailable'"
    jid = f" jid='{attr_escape(occupant.jid)}'" if show_jid else ""
    nick = f" nick='{attr_escape(what.new_nick)}'" if what.new_nick else ""
    item = f"<item affiliation='{what.affiliation}'{jid}{nick} role='{what.role}'"
    inside = _inside(what)
    item += f">{inside}</item>" if inside else "/>"
    codes = "".join(f"<status code='{int(code)}'/>" for code in statuses)
    x = f"<x xmlns='{ns.MUC_USER}'>{item}{codes}</x>"
    return b"".join(
        (
            b"<presence",
            occupant.attributes,
            head.encode(),
            b">",
            occupant.payload,
            b"" if what.gone or not room.worn else hats(room, occupant),
            x.encode(),
            occupant_id(occupant.occupant_id),
            b"</presence>",
        )
    )


def hats(room: Room, occupant: Occupant) -> bytes:
    """The hats that an occupant wears, as they stand in its presence. XEP-0317 §3.1."""
    uris = room.worn.get(occupant.bare)
    return hats_element(room.hats[uri] for uri in uris) if uris else b""


def _inside(what: About) -> str:
    inside = ""
    if what.actor:
        inside += f"<actor nick='{attr_escape(what.actor)}'/>"
    if what.reason:
        inside += f"<reason>{attr_escape(what.reason)}</reason>"
    return inside


def standing(room: Room, newcomer: Occupant) -> Iterator[Output]:
    """The presence of all other occupants, as it stands, for somebody who enters. A measured hot path."""
    show = sees_jids(room.config, newcomer.role)
    silent, own, listed, room_jid = room.config.silent_roles, newcomer.nick, room.affiliations, room.jid
    part: list[bytes] = []
    size = 0
    for other in room.people():
        if other.nick == own or other.role in silent:
            continue
        # Who is in without being on a list has no affiliation: nobody is here whose domain is banned.
        known = listed.get(other.jid.partition("/")[0])
        stanza = _drawn(
            room_jid,
            other.nick,
            other.jid if show else "",
            known.affiliation if known is not None else Affiliation.NONE,
            other.role,
            other.attributes,
            other.payload + hats(room, other) if room.worn else other.payload,
            other.occupant_id,
        )
        size += len(stanza)
        if size > _SERIES_BYTES_MAX and part:
            yield Output(PRESENCE, b"", room_jid, (newcomer,), series=tuple(part))
            part, size = [], len(stanza)
        part.append(stanza)
    if part:
        yield Output(PRESENCE, b"", room_jid, (newcomer,), series=tuple(part))


@lru_cache(maxsize=_STANDING_KEPT_MAX)
def _drawn(
    room: str, nick: str, jid: str, affiliation: Affiliation, role: Role, attributes: bytes, payload: bytes, id: str
) -> bytes:
    occupant = Occupant(nick, jid, "", role, id, attributes, payload)
    return stanza(Room(room), occupant, About(affiliation=affiliation, role=role), show_jid=bool(jid))


def to_one(room: Room, occupant: Occupant, what: About, target: Occupant) -> Output:
    """An occupant's presence for one other."""
    oneself = target.nick == occupant.nick
    # A user knows its own JID; others learn it where the room says so.
    show = oneself or sees_jids(room.config, target.role)
    return _output(room, occupant, what, (target,), show_jid=show, oneself=oneself)


def to_self(room: Room, occupant: Occupant, what: About) -> Output:
    """An occupant's presence for itself."""
    return to_one(room, occupant, what, occupant)


def to_others(room: Room, occupant: Occupant, what: About, audience: Iterable[Occupant]) -> Iterator[Output]:
    """An occupant's presence for everybody else in `audience`: one stanza with the real JID and one without.

    Its own other sessions are told that it is about them.
    """
    seeing: list[Occupant] = []
    blind: list[Occupant] = []
    others: list[Occupant] = []
    # XEP-0045 §7.2.2: presence of this role is not broadcast; its own sessions are told all the same.
    silent = occupant.role in room.config.silent_roles
    # A measured hot path: of thousands of others, each is looked at for each who comes.
    nick, all_see = occupant.nick, sees_jids(room.config, Role.VISITOR)
    for target in audience:
        if target.nick == nick:
            # XEP-0045 §7.2.8: further sessions under the same nickname.
            if target.jid != occupant.jid:
                others.append(target)
        elif not silent:
            (seeing if all_see or target.role is Role.MODERATOR else blind).append(target)
    if others:
        yield _output(room, occupant, replace(what, id=""), tuple(others), show_jid=True, oneself=True)
    if seeing:
        yield _output(room, occupant, what, tuple(seeing), show_jid=True)
    if blind:
        yield _output(room, occupant, what, tuple(blind), show_jid=False)


def to_all(room: Room, occupant: Occupant, what: About, audience: Iterable[Occupant]) -> Iterator[Output]:
    """An occupant's presence for itself, then for everybody else."""
    yield to_self(room, occupant, what)
    yield from to_others(room, occupant, what, audience)


def destroyed(room: Room, occupant: Occupant, destroy: Destroy) -> Output:
    """What an occupant is told when the room ends. XEP-0045 §10.9."""
    item = f"<item affiliation='{Affiliation.NONE}' role='{Role.NONE}'/>".encode()
    x = render(user_x(destroy=destroy, statuses=(Status.SELF,)))
    at = x.index(b">") + 1
    head = f"<presence from='{attr_escape(occupant_jid(room, occupant.nick))}' type='unavailable'>".encode()
    stanza = head + x[:at] + item + x[at:] + occupant_id(occupant.occupant_id) + b"</presence>"
    return Output(PRESENCE, stanza, occupant_jid(room, occupant.nick), (occupant,), type="unavailable")


def _output(
    room: Room, occupant: Occupant, what: About, to: tuple[Occupant, ...], *, show_jid: bool, oneself: bool = False
) -> Output:
    return Output(
        PRESENCE,
        stanza(room, occupant, what, show_jid=show_jid, oneself=oneself),
        occupant_jid(room, occupant.nick),
        to,
        type="unavailable" if what.gone else "",
        id=what.id if oneself else "",
    )
