"""A room's state as bytes, and the room's line in the list of rooms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.hats import Hat
from natter.xmpp.xeps.muc import Affiliation, Role

from . import nickname
from .state import Affiliated, Applied, Config, Occupant, Room, Said, Subject, Tombstone

# A room's configuration has the same names on both sides.
_CONFIG: Final = tuple(field.name for field in fields(Config))
_ROLES: Final = ("silent_roles", "member_list_roles")


def config_from(message: room_pb2.RoomConfig) -> Config:
    """The configuration that an event or snapshot says."""
    values = {name: getattr(message, name) for name in _CONFIG}
    for name in _ROLES:
        values[name] = tuple(values[name])
    return Config(**values)


def config_to(config: Config) -> room_pb2.RoomConfig:
    """The inverse of `config_from`."""
    return room_pb2.RoomConfig(**{name: getattr(config, name) for name in _CONFIG})


def encode(room: Room) -> bytes:
    """The snapshot of a room."""
    snapshot = room_pb2.RoomSnapshot(
        jid=room.jid,
        exists=room.exists,
        locked=room.locked,
        config=config_to(room.config),
        secret=room.secret,
        creator=room.creator,
        affiliations=[
            room_pb2.AffiliationState(jid=jid, affiliation=a.affiliation, reason=a.reason, nick=a.nick)
            for jid, a in room.affiliations.items()
        ],
        occupants=[_occupant_to(o) for o in room.occupants.values()],
        history=[
            room_pb2.HistoryItem(stanza=said.stanza, time_us=said.time_us, archived=said.archived)
            for said in room.history
        ],
        archived=room.archived,
        card=room.card,
        avatars=room.avatars,
        hats=[room_pb2.HatChanged(uri=h.uri, title=h.title, hue=h.hue) for h in room.hats.values()],
        worn=[room_pb2.HatAssigned(jid=jid, uri=uri) for jid, uris in room.worn.items() for uri in uris],
        registrations=room.registrations,
        voices=room.voices,
    )
    if room.subject is not None:
        snapshot.subject = room.subject.text
        snapshot.subject_stanza = room.subject.stanza
        snapshot.subject_us = room.subject.time_us
    if room.tombstone is not None:
        snapshot.tombstone_reason = room.tombstone.reason
        snapshot.tombstone_alternate = room.tombstone.alternate
        snapshot.tombstone_us = room.tombstone.until_us
        snapshot.tombstone_owners.extend(room.tombstone.owners)
    for source, known in room.applied.items():
        cause = snapshot.applied[source]
        cause.sequence, cause.index, cause.time_us = known
    return snapshot.SerializeToString()


def decode(payload: bytes) -> Room:
    """The room of a snapshot."""
    snapshot = room_pb2.RoomSnapshot.FromString(payload)
    occupants = {o.jid: _occupant_from(o) for o in snapshot.occupants}
    history = tuple(Said(item.stanza, item.time_us, item.archived) for item in snapshot.history)
    subject = Subject(snapshot.subject, snapshot.subject_stanza, snapshot.subject_us)
    affiliations = {a.jid: Affiliated(Affiliation(a.affiliation), a.reason, a.nick) for a in snapshot.affiliations}
    return Room(
        snapshot.jid,
        snapshot.exists,
        snapshot.locked,
        config_from(snapshot.config),
        snapshot.secret,
        snapshot.creator,
        affiliations,
        occupants,
        _nicks(occupants.values()),
        {nickname.stored_key(o.nick): o.nick for o in occupants.values()},
        reserved(affiliations),
        dict(snapshot.registrations),
        history,
        sum(len(said.stanza) for said in history),
        subject if snapshot.subject_us else None,
        snapshot.archived,
        {source: Applied(cause.sequence, cause.index, cause.time_us) for source, cause in snapshot.applied.items()},
        _tombstone(snapshot) if snapshot.tombstone_us else None,
        snapshot.card,
        tuple(snapshot.avatars),
        {hat.uri: Hat(hat.uri, hat.title, hat.hue) for hat in snapshot.hats},
        _worn(snapshot),
        {jid: Role(role) for jid, role in snapshot.voices.items()},
    )


def _worn(snapshot: room_pb2.RoomSnapshot) -> dict[str, tuple[str, ...]]:
    worn: dict[str, tuple[str, ...]] = {}
    for one in snapshot.worn:
        worn[one.jid] = (*worn.get(one.jid, ()), one.uri)
    return worn


def _tombstone(snapshot: room_pb2.RoomSnapshot) -> Tombstone:
    owners = tuple(snapshot.tombstone_owners)
    return Tombstone(snapshot.tombstone_reason, snapshot.tombstone_alternate, snapshot.tombstone_us, owners)


def reserved(affiliations: Mapping[str, Affiliated]) -> dict[str, str]:
    """Who has which nickname reserved, by its comparable form."""
    return {nickname.stored_key(a.nick): jid for jid, a in affiliations.items() if a.nick}


def _nicks(occupants: Iterable[Occupant]) -> dict[str, tuple[str, ...]]:
    nicks: dict[str, tuple[str, ...]] = {}
    for occupant in occupants:
        nicks[occupant.nick] = (*nicks.get(occupant.nick, ()), occupant.jid)
    return nicks


def _occupant_to(occupant: Occupant) -> room_pb2.OccupantState:
    return room_pb2.OccupantState(
        nick=occupant.nick,
        jid=occupant.jid,
        session=occupant.session,
        role=occupant.role,
        occupant_id=occupant.occupant_id,
        presence=room_pb2.OccupantPresence(attributes=occupant.attributes, payload=occupant.payload),
        asked_us=occupant.asked_us,
    )


def _occupant_from(state: room_pb2.OccupantState) -> Occupant:
    return Occupant(
        state.nick,
        state.jid,
        state.session,
        Role(state.role),
        state.occupant_id,
        state.presence.attributes,
        state.presence.payload,
        state.asked_us,
    )


def summary(room: Room, now_us: int) -> room_pb2.RoomSummary:
    """What the list of rooms says of a room."""
    return room_pb2.RoomSummary(
        jid=room.jid,
        exists=room.exists,
        name=room.config.name,
        public=room.config.public,
        creator=room.creator,
        occupants=len(room.occupants),
        time_us=now_us,
        locked=room.locked,
        tombstone_us=room.tombstone.until_us if room.tombstone is not None else 0,
    )
