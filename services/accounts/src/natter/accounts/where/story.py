"""The timeline of a message and its end, told from what stands in the logs.  Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from natter.bus.factrows import FactRow
from natter.proto.v1.bus_pb2 import Frame
from natter.proto.v1.where_pb2 import WhereEvent
from natter.xmpp.jid import bare_of

from .sighting import Cause, Role, Sighting, condition, role, same
from .written import Written

# What may have happened to a message, in the order in which it happens.
EVENTS: Final = (
    "accepted",  # by the gateway of its sender
    "durable",  # in the lane: from here on it cannot be lost
    "routed",  # into the log of a gateway, for this resource
    "copied",  # likewise, as a carbon (XEP-0280)
    "handed",  # to the service that has the room or account
    "archived",  # in the archive of this account (XEP-0313)
    "unarchived",  # it is not, or no more: its owner does not want it, or it was forgotten
    "waiting",  # for an account that is not there (XEP-0160)
    "delivered",  # written towards the client
    "acknowledged",  # by the client (XEP-0198)
    "returned",  # its session had left: it is routed again
    "bounced",  # the sender was told why not
    "dropped",  # and nobody was told
)
# How it may have ended. All but the last two are final.
ENDS: Final = ("delivered", "stored", "bounced", "dropped", "pending", "unknown")
# Facts of a moment are written once a second.
UNWRITTEN_US: Final = 5_000_000
# It waited for an account that was removed meanwhile (ADR 0007).
REMOVED: Final = "account-removed"
_DROPPED: Final = "dropped:"
_LEFT: Final = "dropped:session-left"
_NOWHERE: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the logs."""

    now_us: int
    # How far each log has been worked off: "lane.0", "archive.0", "room.3", "deliver.gateway-1-…".
    positions: Mapping[str, int] = field(default_factory=dict)
    # Full JID by session, of those that are still there.
    jids: Mapping[str, str] = field(default_factory=dict)
    # When accounts were removed last, by bare JID: what waited for them until then is gone.
    removed_us: Mapping[str, int] = field(default_factory=dict)
    # What processes have written down of messages, by the bare JID of their sender.
    rows: Mapping[str, Sequence[FactRow]] = field(default_factory=dict)
    # Whether a session has acknowledged what stands there: gateway, session, entry, position. None: nobody knows.
    acknowledged: Callable[[str, str, int, int], bool | None] = lambda gateway, session, entry, position: None
    # Which archives have it, and since when. None: the archive does not answer.
    written: Written | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What is told."""

    end: str
    reason: str
    events: tuple[WhereEvent, ...]


@dataclass(slots=True)
class _Telling:
    """A story in the making. An event has the time by which it is put in order, which may not be its own."""

    said: Frame
    known: Known
    causes: set[Cause]
    returns: list[Sighting]
    sizes: set[int]
    # The archive has told the sender that it keeps nothing for who is not there.
    refused: bool
    events: list[tuple[int, WhereEvent]] = field(default_factory=list)
    # What has become of each copy for whom it was meant: "delivered", "pending", "left", "returned".
    fates: list[str] = field(default_factory=list)
    bounced: str = ""
    handed: bool = False
    removed: bool = False
    waiting: bool = False
    # Something that is not worked off yet.
    pending: bool = False

    def add(
        self, what: str, time_us: int, *, after: int = 0, whom: str = "", place: str = "", reason: str = ""
    ) -> None:
        event = WhereEvent(time_us=time_us, what=what, whom=whom, place=place, reason=reason)
        self.events.append((time_us or after, event))

    def behind(self, log: str, entry: int) -> bool:
        """Whether the entry has been worked off. A gateway without a position has left: nothing waits there."""
        position = self.known.positions.get(log, _NOWHERE if log.startswith("deliver.") else 0)
        return position >= entry


def tell(said: Frame, sightings: Iterable[Sighting], known: Known) -> Story:
    """The story of `said`, a frame as it stood in a lane. `sightings` may have others' frames among them."""
    every = sorted(sightings, key=lambda one: one.stored_us)
    itself = [one for one in every if same(said, one.frame)]
    telling = _Telling(
        said,
        known,
        causes={one.cause for one in itself if one.cause[1]},
        returns=[one for one in itself if one.frame.returned and role(said, one, ()) is Role.SAID],
        sizes={len(said.stanza), *(len(one.frame.stanza) for one in itself)},
        refused=any(one.source.startswith("archive") and role(said, one, ()) is Role.BOUNCE for one in every),
    )
    telling.add("accepted", said.accepted_us, whom=said.sender)
    for one in every:
        found = role(said, one, telling.causes)
        if found is not None:
            _TELL[found](telling, one)
    dropped = _dropped(telling)
    end, reason = _end(telling, dropped)
    order = {what: number for number, what in enumerate(EVENTS)}
    events = sorted(telling.events, key=lambda event: (event[0], order[event[1].what]))
    return Story(end, reason, tuple(event for _, event in events))


def _said(telling: _Telling, one: Sighting) -> None:
    if one.frame.returned:
        whom = ", ".join(telling.known.jids.get(session, "") for session in one.frame.sessions).strip(", ")
        telling.add("returned", one.stored_us, whom=whom, place=one.place)
    else:
        telling.add("durable", one.stored_us, place=one.place)
    if not telling.behind(one.log, one.entry):
        telling.pending = True


def _kept(telling: _Telling, one: Sighting) -> None:
    worked_off = telling.behind(one.log, one.entry)
    if not worked_off:
        telling.pending = True
        return
    absent = one.frame.offline
    for owner in one.frame.owners:
        if not (telling.refused and owner == absent):
            written = telling.known.written
            written_us = 0 if written is None else written.get((owner, one.frame.stanza_id), -1)
            what = "unarchived" if written_us < 0 else "archived"
            telling.add(what, max(0, written_us), after=one.stored_us, whom=owner, place=one.place)
    if absent and not telling.refused:
        telling.add("waiting", 0, after=one.stored_us, whom=absent, place=one.place)
        removed_us = telling.known.removed_us.get(absent, 0)
        if removed_us > telling.said.accepted_us:
            telling.removed = True
            telling.add("dropped", removed_us, whom=absent, reason=REMOVED)
        telling.waiting = True


def _handed(telling: _Telling, one: Sighting) -> None:
    telling.handed = True
    telling.add("handed", one.stored_us, whom=bare_of(one.frame.to or one.frame.sender), place=one.place)
    if not telling.behind(one.log.removeprefix("shard."), one.entry):
        telling.pending = True


def _sent(telling: _Telling, one: Sighting) -> None:
    _delivery(telling, one, "routed")


def _copy(telling: _Telling, one: Sighting) -> None:
    _delivery(telling, one, "copied")


def _bounce(telling: _Telling, one: Sighting) -> None:
    telling.bounced = condition(one.frame.stanza) or "undefined-condition"
    telling.add("bounced", one.stored_us, whom=telling.said.sender, place=one.place, reason=telling.bounced)


def _delivery(telling: _Telling, one: Sighting, what: str) -> None:
    """What a gateway has been given, for one session or many."""
    for session, whom in _targets(telling, one):
        telling.add(what, one.stored_us, whom=whom, place=one.place)
        fate, row = _fate(telling, one, session, whom)
        if what != "copied":
            telling.fates.append(fate)
        if fate != "delivered":
            if fate == "left":
                telling.add("dropped", row.time_us if row else 0, after=one.stored_us, whom=whom, reason="session-left")
            continue
        telling.add("delivered", row.time_us if row else 0, after=one.stored_us, whom=whom)
        gateway = one.log.removeprefix("deliver.")
        if telling.known.acknowledged(gateway, session, one.entry, one.position):
            telling.add("acknowledged", 0, after=row.time_us if row else one.stored_us, whom=whom)


def _targets(telling: _Telling, one: Sighting) -> Iterator[tuple[str, str]]:
    frame = one.frame
    if frame.tos:
        yield from zip(frame.sessions, frame.tos, strict=False)
        return
    for session in frame.sessions:
        yield session, telling.known.jids.get(session, frame.to or bare_of(frame.sender))


def _fate(telling: _Telling, one: Sighting, session: str, whom: str) -> tuple[str, FactRow | None]:
    for back in telling.returns:
        if session in back.frame.sessions and back.stored_us >= one.stored_us:
            return "returned", None
    bare, size = bare_of(whom), len(one.frame.stanza)
    left = None
    for row in telling.known.rows.get(bare_of(one.frame.sender), ()):
        if not row.out or row.size != size:
            continue
        if row.outcome == "delivered" and bare in row.tos and row.accepted_us == telling.said.accepted_us:
            return "delivered", row
        if row.outcome == _LEFT and row.time_us >= one.stored_us - UNWRITTEN_US:
            left = row
    if left is not None:
        return "left", left
    if telling.behind(one.log, one.entry):
        return "delivered", None
    telling.pending = True
    return "pending", None


def _dropped(telling: _Telling) -> str:
    """Why a router has dropped it, "" if it has not."""
    said = telling.said
    for row in telling.known.rows.get(bare_of(said.sender), ()):
        dropped = not row.out and row.outcome.startswith(_DROPPED) and row.accepted_us == said.accepted_us
        if dropped and bare_of(said.to) in row.tos and row.size in telling.sizes:
            reason = row.outcome.removeprefix(_DROPPED)
            telling.add("dropped", row.time_us, reason=reason)
            return reason
    return ""


def _end(telling: _Telling, dropped: str) -> tuple[str, str]:
    """How it ended: what somebody got counts most, then what somebody was told."""
    if "delivered" in telling.fates:
        return "delivered", ""
    if telling.bounced:
        return "bounced", telling.bounced
    if dropped:
        return "dropped", dropped
    if telling.pending:
        return "pending", ""
    if telling.waiting:
        return ("dropped", REMOVED) if telling.removed else ("stored", "")
    if "left" in telling.fates:
        return "dropped", "session-left"
    if telling.known.now_us - telling.said.accepted_us < UNWRITTEN_US:
        return "pending", ""
    # The room itself was whom it was for, as with what is asked of it.
    return ("delivered", "") if telling.handed else ("unknown", "")


_TELL: Final[Mapping[Role, Callable[[_Telling, Sighting], None]]] = {
    Role.SAID: _said,
    Role.KEPT: _kept,
    Role.HANDED: _handed,
    Role.SENT: _sent,
    Role.COPY: _copy,
    Role.SHARED: _sent,
    Role.BOUNCE: _bounce,
}
