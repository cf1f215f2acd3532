"""Journal entries, snapshots and records as bytes: the only place that knows their protobuf shapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from natter.proto.v1 import roster_pb2

from .events import Contact, ContactChanged, ContactRemoved, RosterEvent, RosterForgotten
from .roster import EMPTY, Roster, evolve, version_of
from .subscription import of_flags
from .user import Logout, Session

# Frames of one envelope are fewer: a cause is sequence * CAUSE_FRAMES_MAX + index.
CAUSE_FRAMES_MAX = 65536
# Names of known changes in a snapshot, which must fit into one NATS message together with the roster.
CHANGES_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Cause:
    """The frame that an event came from: its place in the shard's log."""

    source: str
    sequence: int
    index: int

    @property
    def key(self) -> int:
        """Rises with the place in the log."""
        return self.sequence * CAUSE_FRAMES_MAX + self.index


@dataclass(frozen=True, slots=True)
class Folded:
    """A journal read so far: the roster, its revision, and the newest cause applied per log."""

    roster: Roster = EMPTY
    revision: int = 0
    applied: dict[str, int] = field(default_factory=dict)


def write(event: RosterEvent, cause: Cause) -> roster_pb2.RosterEvent:
    """One event of a journal entry."""
    written = roster_pb2.RosterEvent(source=cause.source, sequence=cause.sequence, index=cause.index)
    match event:
        case ContactChanged(contact=contact):
            written.changed.CopyFrom(_contact(contact))
        case ContactRemoved(jid=jid):
            written.removed.jid = jid
        case RosterForgotten():
            written.forgotten.CopyFrom(_forgotten(event))
        case _:
            assert_never(event)
    return written


def encode(events: Iterable[roster_pb2.RosterEvent]) -> bytes:
    """One journal entry."""
    return roster_pb2.RosterEvents(events=events).SerializeToString()


def fold(folded: Folded, revision: int, payload: bytes) -> Folded:
    """The journal after the entry at `revision`. Events of a newer natter that say nothing to us are passed over."""
    roster, applied = folded.roster, dict(folded.applied)
    for index, written in enumerate(roster_pb2.RosterEvents.FromString(payload).events):
        event = _event(written)
        if event is not None:
            roster = evolve(roster, event, version_of(revision, index))
        cause = Cause(written.source, written.sequence, written.index)
        # One log per user: an older one is of no more use.
        applied = {cause.source: max(cause.key, applied.get(cause.source, 0))}
    return Folded(roster, revision, applied)


def _event(written: roster_pb2.RosterEvent) -> RosterEvent | None:
    match written.WhichOneof("event"):
        case "changed":
            return ContactChanged(_read(written.changed))
        case "removed":
            return ContactRemoved(written.removed.jid)
        case "forgotten":
            return _read_forgotten(written.forgotten)
        case _:
            return None


def forget_changes(roster: Roster) -> Roster:
    """The roster without its known changes, where their names alone would fill a snapshot."""
    if sum(map(len, roster.changed_at)) <= CHANGES_BYTES_MAX:
        return roster
    return replace(roster, changed_at={}, known_since=roster.version)


def encode_snapshot(folded: Folded) -> bytes:
    """What `decode_snapshot` reads."""
    roster = forget_changes(folded.roster)
    return roster_pb2.RosterSnapshot(
        revision=folded.revision,
        contacts=map(_contact, roster.contacts.values()),
        changed_at=dict(roster.changed_at),
        applied=folded.applied,
        version=roster.version,
        known_since=roster.known_since,
        forgotten=_forgotten(roster.forgotten) if roster.forgotten.removal else None,
    ).SerializeToString()


def decode_snapshot(payload: bytes) -> Folded:
    """The journal folded up to a snapshot."""
    snapshot = roster_pb2.RosterSnapshot.FromString(payload)
    contacts = {written.jid: _read(written) for written in snapshot.contacts}
    # A protobuf map has no order of its own.
    changed_at = dict(sorted(snapshot.changed_at.items(), key=lambda change: change[1]))
    roster = Roster(contacts, snapshot.version, changed_at, snapshot.known_since, _read_forgotten(snapshot.forgotten))
    return Folded(roster, snapshot.revision, dict(snapshot.applied))


def _forgotten(event: RosterForgotten) -> roster_pb2.RosterForgotten:
    return roster_pb2.RosterForgotten(
        removal=event.removal, time_us=event.time_us, unsubscribe=event.unsubscribe, unsubscribed=event.unsubscribed
    )


def _read_forgotten(written: roster_pb2.RosterForgotten) -> RosterForgotten:
    return RosterForgotten(written.removal, written.time_us, tuple(written.unsubscribe), tuple(written.unsubscribed))


def _contact(contact: Contact) -> roster_pb2.ContactChanged:
    state = contact.state
    return roster_pb2.ContactChanged(
        jid=contact.jid,
        name=contact.name,
        groups=contact.groups,
        to=state.to,
        pending_out=state.pending_out,
        pending_in=state.pending_in,
        request=contact.request,
        listed=contact.listed,
        approved=contact.approved,
        **{"from": state.from_},
    )


def _read(written: roster_pb2.ContactChanged) -> Contact:
    return Contact(
        written.jid,
        written.name,
        tuple(written.groups),
        of_flags(written.to, getattr(written, "from"), written.pending_out, written.pending_in),
        written.listed,
        written.approved,
        written.request,
    )


def encode_session(session: Session) -> bytes:
    """The availability record of a session."""
    return roster_pb2.PresenceRecord(
        jid=session.jid,
        session=session.session,
        stanza=session.stanza,
        priority=session.priority,
        directed=session.directed,
        since_us=session.since_us,
        interested=session.interested,
        cause=session.cause,
    ).SerializeToString()


def decode_session(payload: bytes) -> Session:
    """The session of an availability record."""
    record = roster_pb2.PresenceRecord.FromString(payload)
    return Session(
        record.jid,
        record.session,
        record.stanza,
        record.priority,
        tuple(record.directed),
        record.interested,
        record.since_us,
        record.cause,
    )


def encode_logout(jid: str, logout: Logout) -> bytes:
    """The record of a user's last logout."""
    return roster_pb2.LogoutRecord(jid=jid, time_us=logout.time_us, stanza=logout.stanza).SerializeToString()


def decode_logout(payload: bytes) -> Logout:
    """The last logout of its record."""
    record = roster_pb2.LogoutRecord.FromString(payload)
    return Logout(record.time_us, record.stanza)
