"""Every end that a message can have, told from frames as gateways, routers and services write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from natter.accounts.where.sighting import Sighting
from natter.accounts.where.story import ENDS, EVENTS, UNWRITTEN_US, Known, Story, tell
from natter.bus.factrows import FactRow
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame

ALICE, BOB, DEN = "alice@localhost", "bob@localhost", "den@conference.localhost"
T = 1_700_000_000_000_000
LATE = T + 2 * UNWRITTEN_US
STANZA = b"<message from='alice@localhost/a' to='bob@localhost' id='m1'><body>canary</body></message>"


def frame(**changes: Any) -> Frame:
    said: dict[str, Any] = {
        "kind": KIND_MESSAGE,
        "type": "chat",
        "sender": f"{ALICE}/a",
        "to": BOB,
        "id": "m1",
        "session": "sa",
        "inbound": 7,
        "accepted_us": T,
        "stanza": STANZA,
    }
    return Frame(**{**said, **changes})


def seen(log: str, made: Frame, *, entry: int = 5, after: int = 1000, source: str = "lane.0") -> Sighting:
    return Sighting(log, entry, 0, T + after, source, made)


LANE = seen("lane.0", frame(), source="gateway-1")
CAUSE = {"sequence": 5, "index": 0}


def sent(session: str = "sb", *, gateway: str = "g1", entry: int = 8, after: int = 2000, **changes: Any) -> Sighting:
    return seen(f"deliver.{gateway}", frame(**{**CAUSE, "sessions": [session], **changes}), entry=entry, after=after)


def back(session: str, *, entry: int, after: int, count: int = 1) -> Sighting:
    return seen("lane.0", frame(returned=count, sessions=[session]), entry=entry, after=after, source="g1")


def error(condition: str, *, source: str = "lane.0", after: int = 3000, **changes: Any) -> Sighting:
    stanza = f"<message><error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    said = {"session": "", "inbound": 0, "type": "error", "sessions": ["sa"], **CAUSE, **changes}
    return seen("deliver.g1", frame(**said, stanza=stanza.encode()), entry=9, after=after, source=source)


def row(outcome: str, *, out: bool, to: str = BOB, size: int = len(STANZA), after: int = 4000) -> FactRow:
    return FactRow(T + after, "chat", out, outcome, (to,), size, after)


def told(*sightings: Sighting, rows: Sequence[FactRow] = (), now_us: int = LATE, **known: Any) -> Story:
    positions = {
        "lane.0": 5,
        "archive.0": 5,
        "room.2": 5,
        "deliver.g1": 9,
        "deliver.g2": 9,
        **known.pop("positions", {}),
    }
    jids = {"sb": f"{BOB}/b", "sc": f"{BOB}/c"}
    rows_of = {ALICE: rows, BOB: rows}
    story = tell(frame(), [LANE, *sightings], Known(now_us, positions, jids, rows=rows_of, **known))
    assert story.end in ENDS and {event.what for event in story.events} <= set(EVENTS)
    return story


def line(story: Story) -> list[tuple[str, str]]:
    return [(event.what, event.whom) for event in story.events]


def test_delivered_with_its_times() -> None:
    story = told(sent(), rows=[row("accepted", out=False), row("delivered", out=True)])
    assert (story.end, story.reason) == ("delivered", "")
    assert [(event.what, event.time_us - T, event.whom, event.place) for event in story.events] == [
        ("accepted", 0, f"{ALICE}/a", ""),
        ("durable", 1000, "", "lane.0/5"),
        ("routed", 2000, f"{BOB}/b", "deliver.g1/8"),
        ("delivered", 4000, f"{BOB}/b", ""),
    ]


def test_delivered_though_nobody_wrote_down_when() -> None:
    story = told(sent())
    assert story.end == "delivered" and story.events[-1].time_us == 0
    # A gateway that has left had written it, or handed it back.
    assert told(sent(gateway="gone")).end == "delivered"


def test_pending_in_front_of_each_log() -> None:
    assert told(positions={"lane.0": 4}).end == "pending"
    assert told(sent(entry=10)).end == "pending"
    kept = seen("archive.0", frame(**CAUSE, owners=[ALICE], offline=BOB))
    assert told(kept, positions={"archive.0": 4}).end == "pending"
    handed = seen("shard.room.2", frame(**CAUSE))
    assert told(handed, positions={"room.2": 4}).end == "pending"
    # What a router drops is written down a moment later.
    assert told(now_us=T + 1).end == "pending"


def test_acknowledged_where_a_checkpoint_says_so() -> None:
    asked = []

    def acknowledged(*place: Any) -> bool:
        asked.append(place)
        return True

    assert line(told(sent(), acknowledged=acknowledged))[-1] == ("acknowledged", f"{BOB}/b")
    assert asked == [("g1", "sb", 8, 0)]
    assert "acknowledged" not in dict(line(told(sent(), acknowledged=lambda *_: False)))


def test_two_sessions_and_a_carbon() -> None:
    copy = seen(
        "deliver.g2", frame(session="", sender=BOB, to=f"{BOB}/d", sequence=5, index=1, sessions=["sd"]), entry=3
    )
    story = told(sent(), sent("sc", gateway="g2"), copy)
    assert sorted(whom for what, whom in line(story) if what == "delivered") == [f"{BOB}/b", f"{BOB}/c", f"{BOB}/d"]
    assert ("copied", f"{BOB}/d") in line(story)
    # A carbon alone is not a delivery.
    assert told(copy).end == "unknown"


def test_archived_and_waiting_then_handed_over() -> None:
    kept = seen("archive.0", frame(**CAUSE, owners=[ALICE, BOB], offline=BOB))
    story = told(kept)
    assert story.end == "stored"
    assert line(story)[2:] == [("archived", ALICE), ("archived", BOB), ("waiting", BOB)]
    over = seen("deliver.g1", frame(stored=True, sessions=["sb"]), entry=9, after=9_000_000, source="archive")
    assert told(kept, over).end == "delivered"
    # There, and gone before it was written: it waits again.
    gone = back("sb", entry=6, after=9_500_000)
    again = seen("archive.0", frame(sequence=6, offline=BOB, returned=1, stored=True), entry=6, after=9_600_000)
    assert told(kept, over, gone, again, positions={"lane.0": 6, "archive.0": 6}).end == "stored"


def test_archives_say_what_they_have() -> None:
    kept = seen("archive.0", frame(**CAUSE, stanza_id="x", owners=[ALICE, BOB]))
    story = told(sent(), kept, written={(ALICE, "x"): T + 100_000, (BOB, "y"): T})
    events = {(event.what, event.whom): event.time_us for event in story.events}
    assert events["archived", ALICE] == T + 100_000
    # Bob does not want it, or it was forgotten since.
    assert events["unarchived", BOB] == 0 and ("archived", BOB) not in events
    # Who cannot look says what was worked off.
    assert {("archived", ALICE), ("archived", BOB)} <= set(line(told(sent(), kept, written=None)))


def test_what_waited_for_an_account_that_was_removed() -> None:
    kept = seen("archive.0", frame(**CAUSE, offline=BOB))
    story = told(kept, removed_us={BOB: T + 9_000_000})
    assert (story.end, story.reason) == ("dropped", "account-removed")
    assert line(story)[-1] == ("dropped", BOB)
    # The account before this one.
    assert told(kept, removed_us={BOB: T - 1}).end == "stored"


def test_what_the_archive_refuses_waits_nowhere() -> None:
    kept = seen("archive.0", frame(**CAUSE, owners=[ALICE, BOB], offline=BOB))
    story = told(kept, error("service-unavailable", source="archive.0", sequence=3))
    assert (story.end, story.reason) == ("bounced", "service-unavailable")
    assert line(story)[2:] == [("archived", ALICE), ("bounced", f"{ALICE}/a")]


def test_bounced_by_a_router_and_by_a_room() -> None:
    story = told(error("not-acceptable"))
    assert (story.end, story.reason) == ("bounced", "not-acceptable")
    handed = seen("shard.room.2", frame(**CAUSE))
    story = told(handed, error("forbidden", source="room.2", sequence=3))
    assert (story.end, story.reason) == ("bounced", "forbidden")


def test_returned_and_then_another_end() -> None:
    gone = back("sb", entry=6, after=3000)
    bounce = error("service-unavailable", sequence=6)
    story = told(sent(), gone, bounce, rows=[row("delivered", out=True)], positions={"lane.0": 6})
    assert story.end == "bounced"
    assert [what for what, _ in line(story)] == ["accepted", "durable", "routed", "returned", "bounced"]
    # Another session took it.
    later = sent("sc", sequence=6, entry=9, after=4000)
    assert told(sent(), gone, later, positions={"lane.0": 6}).end == "delivered"


def test_dropped_with_the_routers_reason() -> None:
    others = [row("dropped:blocked", out=False, to="carl@localhost"), row("dropped:passing", out=False, size=3)]
    assert told(rows=others).end == "unknown"
    story = told(rows=[*others, row("dropped:blocked", out=False)])
    assert (story.end, story.reason) == ("dropped", "blocked")
    assert story.events[-1].time_us == T + 4000


def test_dropped_by_a_gateway_that_the_session_had_left() -> None:
    left = FactRow(T + 5000, "chat", True, "dropped:session-left", (BOB,), len(STANZA), 0)
    story = told(sent(), rows=[left])
    assert (story.end, story.reason) == ("dropped", "session-left")


def test_what_is_for_the_room_itself() -> None:
    handed = seen("shard.room.2", frame(**CAUSE))
    assert told(handed).end == "delivered"
    story = told(handed, rows=[row("dropped:room", out=False)])
    assert (story.end, story.reason) == ("dropped", "room")


def test_a_room_is_many() -> None:
    made = frame(session="", inbound=0, sender=f"{DEN}/al", to="", type="groupchat", sequence=3)
    made.sessions.extend(["sb", "sx"])
    made.tos.extend([f"{BOB}/b", "carl@localhost/c"])
    said = frame(to=DEN, type="groupchat")
    known = Known(LATE, {"lane.0": 5, "room.2": 5, "deliver.g1": 9}, {}, {})
    story = tell(
        said,
        [
            seen("lane.0", said, source="g1"),
            seen("shard.room.2", frame(to=DEN, type="groupchat", **CAUSE)),
            seen("deliver.g1", made, source="room.2", entry=9, after=2000),
        ],
        known,
    )
    assert story.end == "delivered"
    assert [whom for what, whom in line(story) if what == "delivered"] == [f"{BOB}/b", "carl@localhost/c"]
    assert ("handed", DEN) in line(story)


@pytest.mark.parametrize("place", ["lane.0", "deliver.g1", "archive.0", "shard.room.2"])
def test_nothing_that_was_said_is_told(place: str) -> None:
    story = told(seen(place, frame(**CAUSE, sessions=["sb"], owners=[ALICE])))
    assert "canary" not in repr(story)
