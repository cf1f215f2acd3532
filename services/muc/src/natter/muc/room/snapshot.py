"""A room's state as bytes, and the room's line in the list of rooms."""

from __future__ import annotations

from collections.abc import Iterable

from natter.proto.v1 import room_pb2
from natter.xmpp.xeps.muc import Affiliation, Role

from . import nickname
from .state import Affiliated, Applied, Config, Occupant, Room, Said, Subject


def config_from(message: room_pb2.RoomConfig) -> Config:
    """The configuration that an event or snapshot says."""
    return Config(
        message.name,
        message.description,
        message.persistent,
        message.public,
        message.moderated,
        message.members_only,
        message.password,
        message.jids_public,
        message.occupants_change_subject,
        message.occupants_max,
        message.members_invite,
        message.history_stanzas_max,
        message.private_messages,
    )


def config_to(config: Config) -> room_pb2.RoomConfig:
    """The inverse of `config_from`."""
    return room_pb2.RoomConfig(
        name=config.name,
        description=config.description,
        persistent=config.persistent,
        public=config.public,
        moderated=config.moderated,
        members_only=config.members_only,
        password=config.password,
        jids_public=config.jids_public,
        occupants_change_subject=config.occupants_change_subject,
        occupants_max=config.occupants_max,
        members_invite=config.members_invite,
        history_stanzas_max=config.history_stanzas_max,
        private_messages=config.private_messages,
    )


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
            room_pb2.AffiliationState(jid=jid, affiliation=a.affiliation, reason=a.reason)
            for jid, a in room.affiliations.items()
        ],
        occupants=[_occupant_to(o) for o in room.occupants.values()],
        history=[room_pb2.HistoryItem(stanza=said.stanza, time_us=said.time_us) for said in room.history],
    )
    if room.subject is not None:
        snapshot.subject = room.subject.text
        snapshot.subject_stanza = room.subject.stanza
        snapshot.subject_us = room.subject.time_us
    for source, known in room.applied.items():
        cause = snapshot.applied[source]
        cause.sequence, cause.index, cause.time_us = known
    return snapshot.SerializeToString()


def decode(payload: bytes) -> Room:
    """The room of a snapshot."""
    snapshot = room_pb2.RoomSnapshot.FromString(payload)
    occupants = {o.jid: _occupant_from(o) for o in snapshot.occupants}
    history = tuple(Said(item.stanza, item.time_us) for item in snapshot.history)
    subject = Subject(snapshot.subject, snapshot.subject_stanza, snapshot.subject_us)
    return Room(
        snapshot.jid,
        snapshot.exists,
        snapshot.locked,
        config_from(snapshot.config),
        snapshot.secret,
        snapshot.creator,
        {a.jid: Affiliated(Affiliation(a.affiliation), a.reason) for a in snapshot.affiliations},
        occupants,
        _nicks(occupants.values()),
        {nickname.stored_key(o.nick): o.nick for o in occupants.values()},
        history,
        sum(len(said.stanza) for said in history),
        subject if snapshot.subject_us else None,
        {source: Applied(cause.sequence, cause.index, cause.time_us) for source, cause in snapshot.applied.items()},
    )


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
    )
