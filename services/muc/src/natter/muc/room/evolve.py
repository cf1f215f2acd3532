"""The room after an event. Total: an event that is in the journal is never refused, an unknown one changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from natter.proto.v1 import room_pb2
from natter.xmpp.traits import Trait
from natter.xmpp.xeps.muc import Affiliation, Role

from . import nickname
from .snapshot import config_from
from .state import HISTORY_BYTES_MAX, HISTORY_STANZAS_MAX, Affiliated, Applied, Occupant, Room, Said, Subject

Event = room_pb2.RoomEvent

# What is worth repeating to those who come later: words, or what somebody asked to be kept.
_LASTING: Final = int(Trait.BODY | Trait.ENCRYPTED | Trait.STORE)
_FLEETING: Final = int(Trait.NO_STORE | Trait.NO_PERMANENT_STORE)


def evolve(room: Room, event: Event) -> Room:
    """The room after one event."""
    kind = event.WhichOneof("event")
    change = _CHANGES.get(kind) if kind is not None else None
    if change is not None:
        room = change(room, getattr(event, kind or ""), event.time_us)
    if event.sequence:
        known = room.applied.get(event.source)
        if known is None or not known.covers(event.sequence, event.index, event.accepted_us):
            applied = Applied(event.sequence, event.index, event.time_us)
            room = replace(room, applied={**room.applied, event.source: applied})
    return room


def fold(room: Room, events: Iterable[Event]) -> Room:
    """The room after many events."""
    return reduce(evolve, events, room)


def _created(room: Room, event: room_pb2.RoomCreated, time_us: int) -> Room:
    return Room(
        room.jid,
        exists=True,
        locked=True,
        config=config_from(event.config),
        secret=event.secret,
        creator=event.creator,
        affiliations={event.creator: Affiliated(Affiliation.OWNER)},
        applied=room.applied,
    )


def _joined(room: Room, event: room_pb2.OccupantJoined, time_us: int) -> Room:
    # Whoever had this nickname or this JID before is replaced; a decision lets nobody but the same JID do that.
    room = _without(room, room.nicks.get(event.jid, ""), but=event.nick)
    occupant = Occupant(
        event.nick,
        event.jid,
        event.session,
        Role(event.role),
        event.occupant_id,
        event.presence.attributes,
        event.presence.payload,
    )
    return _with(room, occupant)


def _left(room: Room, event: room_pb2.OccupantLeft, time_us: int) -> Room:
    return _without(room, event.nick)


def _renamed(room: Room, event: room_pb2.NicknameChanged, time_us: int) -> Room:
    before = room.occupants.get(event.nick)
    if before is None:
        return room
    room = _without(room, event.nick)
    presence = event.presence
    return _with(room, replace(before, nick=event.new_nick, attributes=presence.attributes, payload=presence.payload))


def _presence(room: Room, event: room_pb2.PresenceChanged, time_us: int) -> Room:
    before = room.occupants.get(event.nick)
    if before is None:
        return room
    changed = replace(before, attributes=event.presence.attributes, payload=event.presence.payload)
    return replace(room, occupants={**room.occupants, event.nick: changed})


def _said(room: Room, event: room_pb2.MessageSent, time_us: int) -> Room:
    size = len(event.stanza)
    if not event.traits & _LASTING or event.traits & _FLEETING or size > HISTORY_BYTES_MAX:
        return room
    history = (*room.history, Said(event.stanza, time_us))
    total = room.history_bytes + size
    first = 0
    while len(history) - first > HISTORY_STANZAS_MAX or total > HISTORY_BYTES_MAX:
        total -= len(history[first].stanza)
        first += 1
    return replace(room, history=history[first:], history_bytes=total)


def _subject(room: Room, event: room_pb2.SubjectChanged, time_us: int) -> Room:
    return replace(room, subject=Subject(event.text, event.stanza, time_us))


def _rights(room: Room, event: room_pb2.RightsChanged, time_us: int) -> Room:
    affiliations = dict(room.affiliations)
    for change in event.affiliations:
        affiliation = Affiliation(change.affiliation)
        affiliations.pop(change.jid, None)
        if affiliation is not Affiliation.NONE:
            affiliations[change.jid] = Affiliated(affiliation, change.reason)
    return _roles(replace(room, affiliations=affiliations), event.occupants)


def _config(room: Room, event: room_pb2.ConfigChanged, time_us: int) -> Room:
    room = replace(room, config=config_from(event.config), locked=False)
    return _roles(room, event.occupants)


def _destroyed(room: Room, event: room_pb2.RoomDestroyed, time_us: int) -> Room:
    # What has been applied stays known: the room may be made again while old frames still come.
    return Room(room.jid, applied=room.applied)


def _roles(room: Room, changes: Iterable[room_pb2.OccupantChange]) -> Room:
    for change in changes:
        role = Role(change.role)
        occupant = room.occupants.get(change.nick)
        if occupant is None:
            continue
        if role is Role.NONE:
            room = _without(room, change.nick)
        else:
            room = replace(room, occupants={**room.occupants, change.nick: replace(occupant, role=role)})
    return room


def _with(room: Room, occupant: Occupant) -> Room:
    holder = room.nick_keys.get(nickname.stored_key(occupant.nick), "")
    if holder and room.occupants[holder].jid != occupant.jid:
        room = _without(room, holder)
    return replace(
        room,
        occupants={**room.occupants, occupant.nick: occupant},
        nicks={**room.nicks, occupant.jid: occupant.nick},
        nick_keys={**room.nick_keys, nickname.stored_key(occupant.nick): occupant.nick},
    )


def _without(room: Room, nick: str, *, but: str = "") -> Room:
    occupant = room.occupants.get(nick)
    if occupant is None or nick == but:
        return room
    return replace(
        room,
        occupants=_less(room.occupants, nick),
        nicks=_less(room.nicks, occupant.jid),
        nick_keys=_less(room.nick_keys, nickname.stored_key(nick)),
    )


def _less(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    rest = dict(mapping)
    rest.pop(key, None)
    return rest


_CHANGES: Final[dict[str, Callable[[Room, Any, int], Room]]] = {
    "room_created": _created,
    "occupant_joined": _joined,
    "occupant_left": _left,
    "nickname_changed": _renamed,
    "presence_changed": _presence,
    "message_sent": _said,
    "subject_changed": _subject,
    "rights_changed": _rights,
    "config_changed": _config,
    "room_destroyed": _destroyed,
}
