"""A room's past as its archive tells it: journal entries become archived messages, and parts of chapters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from natter.proto.v1 import room_pb2
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import moderation, retraction
from natter.xmpp.xeps.occupant_id import occupant_id

from .decide import enter
from .render_presence import occupant_jid
from .stanza import split
from .state import Room

# Archived messages in one chapter.
CHAPTER_MESSAGES: Final = 128
# Bytes of one part: with a state beside it fits into one message of the bus.
PART_BYTES_MAX: Final = 400_000


class Pending(NamedTuple):
    """A journal entry that no snapshot covers yet: what the archive has of it, and in which life of the room."""

    revision: int
    payload: bytes
    # The archive's last number before and after the entry.
    before: int
    archived: int
    life: str


@dataclass(frozen=True, slots=True)
class Item:
    """An archived message. `jid`: who said it, "" for the room itself."""

    number: int
    time_us: int
    stanza: bytes
    nick: str
    jid: str


def chapter_of(number: int) -> int:
    """The chapter that a message is in; of a room that has none yet, the first."""
    return max(0, number - 1) // CHAPTER_MESSAGES


def items(room: Room, events: Iterable[room_pb2.RoomEvent]) -> Iterator[Item | room_pb2.Retraction]:
    """The archived messages among events, and what they take back. `room` has the secret of that life."""
    for event in events:
        match event.WhichOneof("event"):
            case "message_sent":
                said = event.message_sent
                if said.archived:
                    yield Item(said.archived, event.time_us, said.stanza, said.nick, said.jid)
                if said.retracts:
                    stone = retraction.retracted(event.time_us, id=said.id).encode()
                    yield room_pb2.Retraction(archived=said.retracts, jid=said.jid, tombstone=stone)
            case "subject_changed":
                subject = event.subject_changed
                if subject.archived:
                    yield Item(subject.archived, event.time_us, subject.stanza, subject.nick, subject.jid)
            case "message_moderated":
                moderated = event.message_moderated
                if moderated.archived:
                    yield Item(moderated.archived, event.time_us, moderated.stanza, "", "")
                if moderated.retracts:
                    who = enter.occupant_id(room, bare_of(moderated.jid))
                    by = moderation.moderated(occupant_jid(room, moderated.nick), who, moderated.reason)
                    stone = retraction.retracted(event.time_us, inside=by).encode()
                    yield room_pb2.Retraction(archived=moderated.retracts, tombstone=stone)
            case _:
                pass


def takes_back(event: room_pb2.RoomEvent) -> bool:
    """Whether something that was said before is not to be told any more."""
    kind = event.WhichOneof("event")
    if kind == "message_sent":
        return bool(event.message_sent.retracts)
    return kind == "message_moderated" and bool(event.message_moderated.retracts)


def bury(room: Room, known: dict[int, Item], retractions: Iterable[room_pb2.Retraction]) -> None:
    """Put tombstones in the place of what was taken back."""
    for taken in retractions:
        item = known.get(taken.archived)
        # XEP-0424 §5: by its author only; XEP-0425 §3: or by a moderator.
        if item is None or (taken.jid and bare_of(taken.jid) != bare_of(item.jid)):
            continue
        parts = split(item.stanza)
        who = occupant_id(enter.occupant_id(room, bare_of(item.jid))) if item.jid else b""
        stanza = b"<%b%b>%b%b</%b>" % (parts.name, parts.without(frozenset()), who, taken.tombstone, parts.name)
        known[taken.archived] = replace(item, stanza=stanza)


def parts(
    room: Room, pending: Iterable[Pending], before: int, state: bytes, revision: int, state_us: int
) -> Iterator[tuple[int, room_pb2.RoomChapter]]:
    """Entries as parts of chapters, each with the number of its chapter; the last one has the state.

    `before`: how far the archive reached before them.
    """
    part = room_pb2.RoomChapter(jid=room.jid)
    number, size = chapter_of(before), 0
    for entry in pending:
        # An entry whose messages lie in several chapters stands in each of them.
        for chapter in range(
            chapter_of(before + 1 if entry.archived > before else before), chapter_of(entry.archived) + 1
        ):
            if part.entries and (chapter != number or size + len(entry.payload) > PART_BYTES_MAX):
                yield number, part
                part, size = room_pb2.RoomChapter(jid=room.jid), 0
            number = chapter
            part.entries.add(revision=entry.revision, events=entry.payload)
            size += len(entry.payload)
        before = entry.archived
        yield from _taken_back(room, entry)
    if size + len(state) > 2 * PART_BYTES_MAX and part.entries:
        yield number, part
        part = room_pb2.RoomChapter(jid=room.jid)
    part.state, part.revision, part.state_us = state, revision, state_us
    yield number, part


def _taken_back(room: Room, entry: Pending) -> Iterator[tuple[int, room_pb2.RoomChapter]]:
    """What an entry takes back, for the chapters where that stands."""
    if retraction.NS.encode() not in entry.payload:
        return
    for found in items(room, room_pb2.RoomEvents.FromString(entry.payload).events):
        if isinstance(found, room_pb2.Retraction):
            yield chapter_of(found.archived), room_pb2.RoomChapter(jid=room.jid, retractions=[found])
