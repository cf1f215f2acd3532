"""Journal entries as archived messages: what they are, what takes them back, and how they are cut into chapters."""

from __future__ import annotations

from natter.muc.room import past
from natter.muc.room.past import Item, Pending
from natter.proto.v1 import room_pb2


def said(number: int, body: str = "x", jid: str = "a@b/c", retracts: int = 0) -> room_pb2.RoomEvent:
    event = room_pb2.RoomEvent(time_us=number)
    event.message_sent.archived, event.message_sent.jid, event.message_sent.nick = number, jid, "nick"
    event.message_sent.stanza = f"<message from='r@h/nick' id='1'><body>{body}</body></message>".encode()
    event.message_sent.retracts = retracts
    return event


def test_items_and_what_takes_them_back(coven) -> None:
    moderated = room_pb2.RoomEvent(time_us=4)
    moderated.message_moderated.retracts, moderated.message_moderated.archived = 2, 4
    passing = said(0)
    found = list(past.items(coven.room, [said(1), said(2), passing, said(3, retracts=1), moderated]))
    assert [i.number for i in found if isinstance(i, Item)] == [1, 2, 3, 4]
    taken = [r for r in found if not isinstance(r, Item)]
    assert [(r.archived, r.jid) for r in taken] == [(1, "a@b/c"), (2, "")]


def test_only_the_author_or_a_moderator_buries(coven) -> None:
    known = {n: Item(n, n, said(n, f"secret {n}").message_sent.stanza, "nick", "a@b/c") for n in (1, 2, 3)}
    past.bury(
        coven.room,
        known,
        [
            room_pb2.Retraction(archived=1, jid="a@b/other", tombstone=b"<t/>"),
            room_pb2.Retraction(archived=2, jid="x@y/z", tombstone=b"<t/>"),
            room_pb2.Retraction(archived=3, tombstone=b"<t/>"),
            room_pb2.Retraction(archived=9, tombstone=b"<t/>"),
        ],
    )
    assert [b"secret" in known[n].stanza for n in (1, 2, 3)] == [False, True, False]
    assert known[1].stanza.startswith(b"<message from='r@h/nick' id='1'><occupant-id ")
    assert known[1].stanza.endswith(b"<t/></message>")


def test_parts_are_bounded_and_the_last_has_the_state(coven, monkeypatch) -> None:
    monkeypatch.setattr(past, "PART_BYTES_MAX", 10)
    pending = [Pending(n, b"12345678", n - 1, n, "life") for n in range(1, 4)]
    parts = list(past.parts(coven.room, pending, 0, b"state" * 5, 3, 9))
    assert [number for number, _ in parts] == [0, 0, 0, 0]
    assert [[e.revision for e in part.entries] for _, part in parts] == [[1], [2], [3], []]
    assert [part.state for _, part in parts] == [b"", b"", b"", b"state" * 5]


def test_a_chapter_has_so_many_messages() -> None:
    assert [past.chapter_of(n) for n in (0, 1, 128, 129)] == [0, 0, 0, 1]


def test_what_takes_something_back() -> None:
    said, taken, moderated, other = (room_pb2.RoomEvent() for _ in range(4))
    said.message_sent.nick = "n"
    taken.message_sent.retracts = 3
    moderated.message_moderated.retracts = 3
    other.occupant_left.nick = "n"
    assert [past.takes_back(event) for event in (said, taken, moderated, other)] == [False, True, True, False]
