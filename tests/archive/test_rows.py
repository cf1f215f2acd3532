"""Frames to rows."""

from __future__ import annotations

from natter.archive import rows
from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.element import parse
from natter.xmpp.xeps import delay, stanza_id

ALICE, BOB = "alice@h", "bob@h"


def frame(**fields: object) -> Frame:
    defaults: dict[str, object] = {
        "sender": f"{ALICE}/a",
        "to": f"{BOB}/b",
        "stanza": b"<message><body>x</body></message>",
        "stanza_id": "i",
        "accepted_us": 5_000_000,
        "owners": [ALICE, BOB],
        "session": "s",
    }
    return Frame(**{**defaults, **fields})  # type: ignore[arg-type]


def test_the_other_side_as_each_owner_sees_it() -> None:
    found = list(rows.messages(frame(), 64))
    assert [(m.position, m.owner, m.peer, m.resource) for m in found] == [
        (64, ALICE, BOB, "b"),
        (65, BOB, ALICE, "a"),
    ]
    assert {(m.id, m.time_us, m.stanza) for m in found} == {("i", 5_000_000, b"<message><body>x</body></message>")}


def test_a_note_to_oneself() -> None:
    (note,) = rows.messages(frame(to="", owners=[ALICE]), 0)
    assert (note.owner, note.peer) == (ALICE, ALICE)


def test_what_waits_has_its_id_and_the_time() -> None:
    waits = rows.waits(frame(offline=BOB), 64, "h")
    kept = Frame.FromString(waits.frame)
    assert (waits.position, waits.owner, waits.id, waits.archived) == (64 + rows.PER_FRAME - 1, BOB, "i", True)
    assert stanza_id.find(kept.stanza, BOB) == "i"
    assert delay.find(parse(kept.stanza), "h") == 5_000_000
    assert (kept.session, kept.sender, kept.stored, kept.offline, list(kept.owners)) == (
        "s",
        f"{ALICE}/a",
        True,
        "",
        [],
    )


def test_what_comes_back_is_not_stamped_again() -> None:
    first = Frame.FromString(rows.waits(frame(offline=BOB), 0, "h").frame)
    first.offline, first.returned = BOB, 1
    again = Frame.FromString(rows.waits(first, 64, "h").frame)
    assert again.stanza == first.stanza and not again.returned


def test_what_no_archive_has_is_named_by_its_place() -> None:
    waits = rows.waits(frame(stanza_id="", owners=[], offline=BOB), 64, "h")
    assert (waits.id, waits.archived) == ("40", False)
