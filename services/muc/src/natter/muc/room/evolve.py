"""The room after an event. Total: an event that is in the journal is never refused, an unknown one changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.hats import Hat
from natter.xmpp.xeps.muc import Affiliation, Role

from . import nickname
from .snapshot import config_from, reserved
from .stanza import is_lasting
from .state import (
    HISTORY_BYTES_MAX,
    HISTORY_STANZAS_MAX,
    VOICES_MAX,
    Affiliated,
    Applied,
    Occupant,
    Room,
    Said,
    Subject,
    Tombstone,
)

Event = room_pb2.RoomEvent


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
    return _without(room, (event.jid,) if event.jid else room.nicks.get(event.nick, ()))


def _renamed(room: Room, event: room_pb2.NicknameChanged, time_us: int) -> Room:
    presence, sessions = event.presence, room.named(event.nick)
    room = _without(room, room.nicks.get(event.nick, ()))
    for before in sessions:
        changed = replace(before, nick=event.new_nick)
        if event.jid in ("", before.jid):
            changed = replace(changed, attributes=presence.attributes, payload=presence.payload)
        room = _with(room, changed)
    return room


def _presence(room: Room, event: room_pb2.PresenceChanged, time_us: int) -> Room:
    before = room.occupants.get(event.jid) or room.shown(event.nick)
    if before is None:
        return room
    changed = replace(before, attributes=event.presence.attributes, payload=event.presence.payload)
    if room.nicks[before.nick][-1] != before.jid:
        return _with(room, changed)
    return replace(room, occupants={**room.occupants, before.jid: changed})


def _said(room: Room, event: room_pb2.MessageSent, time_us: int) -> Room:
    size = len(event.stanza)
    if event.retracts:
        author = room.shown(event.nick)
        room = _take_back(room, event.retracts, author.occupant_id if author is not None else "")
    archived = event.archived or room.archived
    if not is_lasting(event.traits) or size > HISTORY_BYTES_MAX:
        return replace(room, archived=archived) if archived != room.archived else room
    history = (*room.history, Said(event.stanza, time_us, event.archived))
    total = room.history_bytes + size
    first = 0
    while len(history) - first > HISTORY_STANZAS_MAX or total > HISTORY_BYTES_MAX:
        total -= len(history[first].stanza)
        first += 1
    return replace(room, history=history[first:], history_bytes=total, archived=archived)


def _moderated(room: Room, event: room_pb2.MessageModerated, time_us: int) -> Room:
    room = replace(room, archived=event.archived or room.archived)
    return _take_back(room, event.retracts, "") if event.retracts else room


def _take_back(room: Room, number: int, author: str) -> Room:
    """The discussion history without a message. XEP-0424 §5: no further distribution. `author` "": whoever said it."""
    mine = f" id='{author}'".encode()
    history = tuple(s for s in room.history if s.archived != number or (author and mine not in s.stanza))
    return replace(room, history=history, history_bytes=sum(len(said.stanza) for said in history))


def _subject(room: Room, event: room_pb2.SubjectChanged, time_us: int) -> Room:
    subject = Subject(event.text, event.stanza, time_us)
    return replace(room, subject=subject, archived=event.archived or room.archived)


def _rights(room: Room, event: room_pb2.RightsChanged, time_us: int) -> Room:
    affiliations, registrations = dict(room.affiliations), dict(room.registrations)
    for change in event.affiliations:
        affiliation = Affiliation(change.affiliation)
        before = affiliations.pop(change.jid, None)
        nick = change.nick if change.HasField("nick") else before.nick if before is not None else ""
        # XEP-0045 §9.1: who is banned has no nickname reserved any more.
        if affiliation is Affiliation.OUTCAST:
            nick = ""
        registrations.pop(change.jid, None)
        if affiliation is not Affiliation.NONE:
            affiliations[change.jid] = Affiliated(affiliation, change.reason, nick)
    room = replace(room, affiliations=affiliations, reserved=reserved(affiliations), registrations=registrations)
    return _roles(_voices(room, event), event.occupants)


def _config(room: Room, event: room_pb2.ConfigChanged, time_us: int) -> Room:
    config = config_from(event.config)
    # XEP-0045 §5.1: who has a voice matters in a moderated room. Where it is none any more, all begin anew.
    voices = {} if room.config.moderated and not config.moderated else room.voices
    return _roles(replace(room, config=config, locked=False, voices=voices), event.occupants)


def _voice(room: Room, event: room_pb2.VoiceRequested, time_us: int) -> Room:
    sessions = {o.jid: replace(o, asked_us=time_us) for o in room.named(event.nick)}
    return replace(room, occupants={**room.occupants, **sessions}) if sessions else room


def _registering(room: Room, event: room_pb2.RegistrationRequested, time_us: int) -> Room:
    return replace(room, registrations={**room.registrations, event.jid: event.nick})


def _not_registered(room: Room, event: room_pb2.RegistrationRefused, time_us: int) -> Room:
    return replace(room, registrations=_less(room.registrations, event.jid))


def _card(room: Room, event: room_pb2.CardChanged, time_us: int) -> Room:
    return replace(room, card=event.card, avatars=tuple(event.avatars))


def _hat(room: Room, event: room_pb2.HatChanged, time_us: int) -> Room:
    if not event.destroyed:
        return replace(room, hats={**room.hats, event.uri: Hat(event.uri, event.title, event.hue)})
    left = {jid: tuple(uri for uri in uris if uri != event.uri) for jid, uris in room.worn.items()}
    return replace(room, hats=_less(room.hats, event.uri), worn={jid: uris for jid, uris in left.items() if uris})


def _assigned(room: Room, event: room_pb2.HatAssigned, time_us: int) -> Room:
    others = tuple(uri for uri in room.worn.get(event.jid, ()) if uri != event.uri)
    uris = others if event.removed or event.uri not in room.hats else (*others, event.uri)
    worn = _less(room.worn, event.jid)
    return replace(room, worn={**worn, event.jid: uris} if uris else worn)


def _destroyed(room: Room, event: room_pb2.RoomDestroyed, time_us: int) -> Room:
    # What has been applied stays known: the room may be made again while old frames still come.
    stone = None
    if event.tombstone_seconds:
        until_us = time_us + event.tombstone_seconds * 1_000_000
        stone = Tombstone(event.reason, event.alternate, until_us, tuple(room.owners()))
    return Room(room.jid, applied=room.applied, tombstone=stone)


def _voices(room: Room, event: room_pb2.RightsChanged) -> Room:
    """What moderators have said of people's voices. A new affiliation has a role of its own."""
    voices = dict(room.voices)
    for affiliation in event.affiliations:
        voices.pop(affiliation.jid, None)
    for change in event.occupants if not event.affiliations else ():
        occupant = room.shown(change.nick)
        if occupant is None or change.role == Role.NONE:
            continue
        voices.pop(occupant.bare, None)
        if change.role != Role.MODERATOR:
            voices[occupant.bare] = Role(change.role)
    while len(voices) > VOICES_MAX:
        del voices[next(iter(voices))]
    return replace(room, voices=voices) if voices != room.voices else room


def _roles(room: Room, changes: Iterable[room_pb2.OccupantChange]) -> Room:
    gone: list[str] = []
    changed: dict[str, Occupant] = {}
    for change in changes:
        role = Role(change.role)
        if role is Role.NONE:
            gone += room.nicks.get(change.nick, ())
        else:
            changed |= {o.jid: replace(o, role=role) for o in room.named(change.nick)}
    if changed:
        room = replace(room, occupants={**room.occupants, **changed})
    return _without(room, gone)


def _with(room: Room, occupant: Occupant) -> Room:
    """The room with this session in it. Whoever had its JID or, being somebody else, its nickname is replaced.

    Decisions let nobody take the nickname of another user.
    """
    key = nickname.stored_key(occupant.nick)
    before = room.occupants.get(occupant.jid)
    if before is not None and before.nick != occupant.nick:
        room = _without(room, (before.jid,))
    holder = room.nick_keys.get(key)
    if holder is not None:
        strangers = tuple(o.jid for o in room.named(holder) if holder != occupant.nick or o.bare != occupant.bare)
        if strangers:
            room = _without(room, strangers)
    jids = tuple(jid for jid in room.nicks.get(occupant.nick, ()) if jid != occupant.jid)
    # The order among the sessions of one nickname is the order among the occupants: a snapshot keeps only that.
    occupants = _less(room.occupants, occupant.jid) if jids else room.occupants
    return replace(
        room,
        occupants={**occupants, occupant.jid: occupant},
        nicks={**room.nicks, occupant.nick: (*jids, occupant.jid)},
        nick_keys={**room.nick_keys, key: occupant.nick},
    )


def _without(room: Room, jids: Iterable[str]) -> Room:
    """The room without these sessions."""
    going = [jid for jid in jids if jid in room.occupants]
    if not going:
        return room
    occupants, nicks, keys = dict(room.occupants), dict(room.nicks), dict(room.nick_keys)
    for jid in going:
        occupant = occupants.pop(jid, None)
        if occupant is None:
            continue
        left = tuple(other for other in nicks[occupant.nick] if other != jid)
        if left:
            nicks[occupant.nick] = left
        else:
            del nicks[occupant.nick]
            keys.pop(nickname.stored_key(occupant.nick), None)
    return replace(room, occupants=occupants, nicks=nicks, nick_keys=keys)


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
    "voice_requested": _voice,
    "registration_requested": _registering,
    "registration_refused": _not_registered,
    "message_moderated": _moderated,
    "card_changed": _card,
    "hat_changed": _hat,
    "hat_assigned": _assigned,
}
