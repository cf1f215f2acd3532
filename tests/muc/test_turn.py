"""One turn: what fits into it, and what is decided once."""

from __future__ import annotations

import pytest
from natter.muc import turn as turn_module
from natter.muc.room.request import Cause
from natter.muc.rooms import Loaded
from natter.muc.shardwork import Input, Seen
from natter.muc.turn import Turn
from natter.proto.v1 import bus_pb2, room_pb2
from natter.telemetry import names
from rows import Rows


class Shelf(dict):
    """In place of Rooms."""


@pytest.fixture
def turn(hall, coven) -> Turn:
    rooms = Shelf({coven.room.jid: Loaded(coven.room, 5)})
    return Turn(hall.office, rooms, Seen(), coven.limits)


def coming(coven, xml: str, sequence: int, **more) -> Input:
    request = coven.request(xml)
    frame = bus_pb2.Frame(
        kind=request.kind,
        type=request.type,
        sender=request.sender,
        to=request.to,
        id=request.id,
        traits=request.traits,
        payload=request.payload,
        stanza=request.stanza,
        session=request.session,
        **more,
    )
    return Input(frame, Cause("lane.0", sequence, 0), sequence, 1)


def words(coven, text: str = "x") -> str:
    return f"<message from='{coven.hag}' to='{coven.room.jid}' type='groupchat'><body>{text}</body></message>"


async def test_one_entry_for_a_room_whatever_was_said(turn, coven) -> None:
    for number in range(1000, 1003):
        turn.take(coming(coven, words(coven, str(number)), number))
    ((jid, work, payload),) = turn.entries()
    entry = room_pb2.RoomEvents.FromString(payload)
    assert jid == coven.room.jid
    assert len(entry.events) == 3
    assert (entry.summary.jid, entry.summary.occupants, entry.summary.exists) == (jid, 3, True)
    assert [event.sequence for event in entry.events] == [1000, 1001, 1002]
    assert len(turn.outputs()) == 3
    assert all(parcel.caused for parcel in work.parcels)


async def test_what_the_journal_has_is_not_decided_again(turn, coven) -> None:
    one, other = coming(coven, words(coven), 1000), coming(coven, words(coven), 1001)
    turn.seen.add(one.cause, one.room)
    for each in (one, other):
        turn.take(each)
    assert [event.sequence for event in turn.entries()[0][1].events] == [1001]
    assert len(turn.outputs()) == 1
    # What is taken is not remembered here: the shard's marks keep repetitions away.
    assert not turn.seen.has(other.cause, other.room)


async def test_a_turn_is_bounded(turn, coven, monkeypatch) -> None:
    one = coming(coven, words(coven), 1000)
    assert not turn.full(one)
    turn.take(one)
    assert not turn.full(one)
    for name, value in (("TURN_INPUTS_MAX", 1), ("TURN_INPUT_BYTES_MAX", 10), ("TURN_OUTPUT_BYTES_MAX", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(turn_module, name, value)
            assert turn.full(one), name


async def test_a_failure_stays_with_its_stanza(turn, coven, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    before = names.POISON.values.get(("SHARDS",), 0)
    monkeypatch.setattr(turn_module.dispatch, "decide", fail)
    turn.take(coming(coven, words(coven), 1000))
    monkeypatch.undo()
    turn.take(coming(coven, words(coven), 1001))
    assert names.POISON.values["SHARDS",] == before + 1
    assert len(turn.entries()[0][1].events) == 1
    (sorry,) = turn.loose
    assert b"internal-server-error" in sorry.output.stanza


async def test_the_host_answers_for_itself(turn, coven) -> None:
    xml = "<iq from='x@y/z' id='1' to='conference.localhost' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    turn.take(coming(coven, xml, 1000))
    assert [parcel.output.type for parcel in turn.loose] == ["result"]
    assert not turn.entries()


async def test_a_sampled_message_gets_a_span(turn, coven, monkeypatch) -> None:
    made: list[dict[str, object]] = []

    def span(name: str, **more: object) -> str:
        made.append({"name": name, **more})
        return "next"

    monkeypatch.setattr(turn_module.trace, "span", span)
    turn.take(coming(coven, words(coven), 1000))
    assert made == []
    turn.take(coming(coven, words(coven), 1001, traceparent="00-1-1-01"))
    (spanned,) = made
    assert spanned["name"] == names.SPAN_MUC
    assert set(spanned["attributes"]) == {"room_jid", "from", "message_id"}
    assert turn.works[coven.room.jid].parcels[-1].traceparent == "next"


async def test_one_user_makes_only_so_many_rooms(hall) -> None:
    hall.settings.rooms_per_user_max = 2
    guest = await hall.login("a@localhost/r")
    for name in ("one", "two", "three"):
        hall.join(guest, f"{name}@conference.localhost", "me")
    await hall.settled()
    assert guest.errors() == ["not-allowed"]


async def test_a_message_that_comes_to_nothing_is_written_down(turn, coven) -> None:
    turn.office.facts = rows = Rows()
    answer = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    told_nobody = (
        f"<message from='{coven.hag}' to='{coven.room.jid}' type='headline'><body>x</body></message>",
        f"<message from='a@b/c' to='{coven.room.jid}/nobody' type='error'>{answer}</message>",
        f"<message from='{coven.hag}' to='{turn.office.host}' type='headline'><body>x</body></message>",
    )
    for number, xml in enumerate(told_nobody, 1000):
        turn.take(coming(coven, xml, number, accepted_us=5))
    assert [row["outcome"] for row in rows.rows] == ["dropped:room"] * 3
    # By the time of its acceptance it is found again.
    assert all(row["time_us"] - row["latency_us"] == 5 and row["direction"] == 0 for row in rows.rows)
    assert rows.rows[0]["to"] == coven.room.jid


async def test_what_is_heard_and_what_came_before_is_not_dropped(turn, coven) -> None:
    turn.office.facts = rows = Rows()
    turn.take(coming(coven, words(coven), 1000))
    # Refused is told, said is heard, and what the journal has already is no drop.
    turn.take(coming(coven, words(coven).replace(coven.hag, "stranger@b/c"), 1001))
    coming_again = coming(coven, words(coven), 1000)
    turn.seen = Seen()
    turn.take(coming_again)
    assert not rows.rows
