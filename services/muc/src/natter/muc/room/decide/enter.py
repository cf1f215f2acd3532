"""Entering a room, and making it by entering. XEP-0045 §7.2 and §10.1."""

from __future__ import annotations

import hmac
from typing import Final

from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.muc import Affiliation, Join, Role

from .. import joining
from ..events import Event, event, presence
from ..evolve import evolve
from ..request import Decision, Limits, Refused, Request
from ..rights import initial_role, leads
from ..snapshot import config_to
from ..state import Room
from . import availability, nick
from .archive import is_logged

# XEP-0045 §7.2.9: admins and owners come in although the room is full, up to a reasonable number.
_LEADERS_EXTRA_MAX: Final = 10
_UINT32_MAX: Final = (1 << 32) - 1


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """A presence with <x xmlns='…/muc'/>: become an occupant, or get everything again."""
    wanted, changed = nick.wanted(request, limits)
    # XEP-0045 §7.10: who has a registered nickname in a room that locks them gets it, whatever was asked for.
    if held := nick.locked(room, request.bare):
        wanted, changed = held, held != request.nick
    join, rest = joining.read(request)
    events: list[Event] = []
    if not room.exists:
        events.append(_create(room, request, limits))
        created, room = True, evolve(room, events[0])
    else:
        created = False
        _admit(room, request, join, limits)
    present = room.occupant(request.sender)
    if present is not None and present.nick != wanted:
        # Joined already, under another nickname: the change, then everything again.
        renamed = nick.change(room, request, present, wanted, changed, limits)
        events.append(renamed)
        room = evolve(room, renamed)
        present = room.occupant(request.sender)
    elif present is None:
        own = nick.shared(room, wanted, request, limits)
        if own is not None:
            # XEP-0045 §7.2.8: one more session of the same occupant.
            present, wanted, changed = own, own.nick, changed or own.nick != wanted
    made = event(request)
    joined = made.occupant_joined
    joined.nick, joined.jid, joined.session, joined.id = wanted, request.sender, request.session, request.id
    joined.role = present.role if present is not None else _role(room, request.bare)
    joined.occupant_id = occupant_id(room, request.bare)
    attributes, payload = availability.said(rest, room.jid, limits)
    joined.presence.CopyFrom(presence(attributes, payload))
    joined.created, joined.nick_changed, joined.logged = created, changed, is_logged(room.config, limits)
    joined.history.CopyFrom(_history(join))
    return Decision((*events, made))


def _create(room: Room, request: Request, limits: Limits) -> Event:
    # XEP-0045 §10.1.1: who may not make rooms is told `not-allowed`.
    if not request.may_create:
        raise Refused("not-allowed", "You may not make a room, or have as many as one user may make.")
    stone = room.tombstone
    # XEP-0045 §10.9: the name of a destroyed room is kept for its owners, and says where to go instead.
    if stone is not None and request.now_us < stone.until_us and request.bare not in stone.owners:
        address = f"xmpp:{stone.alternate}?join" if stone.alternate else ""
        raise Refused("gone", stone.reason, address=address)
    made = event(request)
    made.room_created.creator = request.bare
    made.room_created.config.CopyFrom(config_to(limits.default))
    made.room_created.secret = request.fresh
    return made


def _admit(room: Room, request: Request, join: Join, limits: Limits) -> None:
    """Raise Refused where somebody may not enter."""
    affiliation = room.affiliation(request.bare)
    # XEP-0045 §7.2.10: a locked room does not exist yet, but for its owner.
    if room.locked and affiliation is not Affiliation.OWNER:
        raise Refused("item-not-found")
    # XEP-0045 §7.2.7: banned.
    if affiliation is Affiliation.OUTCAST:
        raise Refused("forbidden")
    if room.occupant(request.sender) is not None:
        return
    # XEP-0045 §7.2.6: not on the member list.
    if room.config.members_only and affiliation is Affiliation.NONE:
        raise Refused("registration-required")
    # XEP-0045 §7.2.5: no or a wrong password. Compared in constant time.
    if room.config.password and not hmac.compare_digest(room.config.password.encode(), (join.password or "").encode()):
        raise Refused("not-authorized")
    # XEP-0045 §7.2.9: full.
    most = min(room.config.occupants_max or limits.occupants_max, limits.occupants_max)
    if len(room.occupants) >= most + (_LEADERS_EXTRA_MAX if leads(affiliation) else 0):
        raise Refused("service-unavailable", "The room is full.", type="wait")


def _role(room: Room, bare: str) -> Role:
    # XEP-0045 §5.1: who was given a voice, or denied it, need not be told again at every visit.
    affiliation = room.affiliation(bare)
    initial = initial_role(room.config, affiliation)
    return initial if leads(affiliation) else room.voices.get(bare, initial)


def _history(join: Join) -> room_pb2.HistoryRequest:
    wish = room_pb2.HistoryRequest()
    if join.history.characters_max is not None:
        wish.chars_max = min(join.history.characters_max, _UINT32_MAX)
    if join.history.stanzas_max is not None:
        wish.stanzas_max = min(join.history.stanzas_max, _UINT32_MAX)
    if join.history.seconds_max is not None:
        wish.seconds_max = min(join.history.seconds_max, _UINT32_MAX)
    if join.history.since_us is not None:
        wish.since_us = max(0, join.history.since_us)
    return wish


def occupant_id(room: Room, bare: str) -> str:
    """A user's id in this room. XEP-0421 §4.1: stable, and nobody without the room's secret can make or reverse it."""
    return hmac.digest(room.secret, bare.encode(), "sha256").hex()[:40]
