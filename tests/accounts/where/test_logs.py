"""A question finds a message by each of its ids, and every trace of it, in logs that hold others', too."""

from __future__ import annotations

from natter.accounts.where.logs import PAGE_ENTRIES, Acknowledgements, Logs
from natter.accounts.where.sighting import Role, role
from natter.bus import subjects
from natter.bus.kv import Bucket
from natter.proto.v1.accounts_pb2 import AccountEvent, AccountEvents, AccountRegistered, AccountRemoved
from natter.proto.v1.bus_pb2 import Checkpoint, SessionState

from .conftest import ALICE, BOB, DEN, GATEWAY
from .conftest import Logs as World


async def test_every_id_finds_it(logs: World) -> None:
    await logs.lane(logs.frame(inbound=6, id="m0", stanza=b"<message id='m0'/>"), logs.frame())
    await logs.put(subjects.archive(0), logs.frame(stanza_id="5f" * 12, sequence=1, index=16, owners=[ALICE]))
    reading = Logs(logs.bus)
    for id, by in (("m1", "id"), ("origin-1", "origin-id"), ("5f" * 12, "stanza-id")):
        [found] = await reading.named(id)
        assert (found.by, found.frame.inbound) == (by, 7)
    # Not by what it says.
    assert await reading.named("canary") == []
    assert await reading.named("ab" * 12) == []


async def test_the_newest_come_first_and_old_pages_are_read(logs: World) -> None:
    await logs.lane(logs.frame(id="old", stanza=b"<message id='old'/>"))
    for number in range(PAGE_ENTRIES + 5):
        await logs.lane(logs.frame(inbound=number + 10))
    reading = Logs(logs.bus)
    assert [found.frame.inbound for found in await reading.named("old")] == [7]
    newest = [found.frame.inbound for found in await reading.named("m1")]
    assert newest == sorted(newest, reverse=True) and newest[0] == PAGE_ENTRIES + 14


async def test_traces_of_one_among_others(logs: World) -> None:
    entry = await logs.lane(logs.frame(inbound=6), logs.frame())
    cause = {"sequence": entry, "index": 16}
    await logs.delivery(logs.frame(**cause, sessions=["sb"]))
    await logs.delivery(logs.frame(sequence=entry, index=0, inbound=6, sessions=["sb"]))
    await logs.delivery(logs.error(**cause))
    await logs.row("delivered", out=1, size=90)
    await logs.row("delivered", out=1, size=90, sender=BOB)
    await logs.session(f"{BOB}/b", "sb")
    await logs.worked_off(f"deliver.{GATEWAY}", 3)
    await logs.worked_off("lane.0", entry)
    reading = Logs(logs.bus)
    found = (await reading.named("origin-1"))[0]
    traces = await reading.traces(logs.frame(), 30)
    assert not traces.cut
    causes = {("lane.0", entry, 16)}
    assert [role(logs.frame(), one, causes) for one in traces.sightings] == [Role.SAID, Role.SENT, Role.BOUNCE]
    assert [row.outcome for row in traces.rows[ALICE]] == ["delivered"]
    known = await reading.known(traces, 5)
    assert known.positions == {"lane.0": entry, f"deliver.{GATEWAY}": 3}
    assert known.jids == {"sb": f"{BOB}/b"}
    assert found.log == "lane.0"


async def test_what_a_room_made_of_it_leads_to_what_was_said(logs: World) -> None:
    await logs.lane(logs.frame(to=DEN, type="groupchat"))
    id = "0a" * 16
    stanza = f"<message id='m1'><stanza-id xmlns='urn:xmpp:sid:0' by='{DEN}' id='{id}'/></message>".encode()
    shared = {"session": "", "inbound": 0, "sender": f"{DEN}/al", "type": "groupchat", "sequence": 3}
    await logs.delivery(logs.frame(**shared, stanza=stanza, to="", sessions=["sb"], tos=[f"{BOB}/b"]), source="room.1")
    [found] = await Logs(logs.bus).named(id)
    assert found.by == "stanza-id" and not found.frame.session
    traces = await Logs(logs.bus).traces(found.frame, 30)
    assert traces.said.sender == f"{ALICE}/a"
    assert [one.log for one in traces.sightings] == ["lane.0", f"deliver.{GATEWAY}"]


async def test_reading_ends_in_time(logs: World) -> None:
    await logs.lane(logs.frame())
    assert (await Logs(logs.bus).traces(logs.frame(), 0)).cut


async def test_a_gateway_that_was_taken_for_dead_has_a_position(logs: World) -> None:
    await logs.delivery(logs.frame(sessions=["sb"]))
    await Bucket(logs.bus, subjects.POSITIONS).put(f"deliver.{GATEWAY}", b"dead12")
    reading = Logs(logs.bus)
    assert (await reading.known(await reading.traces(logs.frame(), 30), 5)).positions == {f"deliver.{GATEWAY}": 12}


async def test_what_the_logs_have_forgotten_is_known(logs: World) -> None:
    reading = Logs(logs.bus)
    assert await reading.begins_us(subjects.LANES) == 0
    await logs.lane(logs.frame())
    assert await reading.begins_us(subjects.LANES) == 0
    second = await logs.lane(logs.frame())
    await logs.bus.purge(subjects.LANES, subjects.lane(0), below=second)
    assert await reading.begins_us(subjects.LANES) >= logs.accepted_us


def test_acknowledgements() -> None:
    part = Checkpoint(
        delivered=10, sessions=[SessionState(session="sb", places=[9 << 16 | 1]), SessionState(session="sc", since=4)]
    )
    known = Acknowledgements({"g1": [part]})
    assert known("g1", "sb", 9, 0) is True
    assert known("g1", "sb", 9, 1) is False
    # Not yet told, on its way, not managed, another gateway.
    for question in (("g1", "sb", 11, 0), ("g1", "sc", 9, 0), ("g1", "sd", 9, 0), ("g2", "sb", 9, 0)):
        assert known(*question) is None


async def test_when_an_account_was_removed(logs: World) -> None:
    events = [
        AccountEvent(registered=AccountRegistered(username="bob", time_us=1)),
        AccountEvent(removed=AccountRemoved(username="bob", time_us=7)),
        AccountEvent(registered=AccountRegistered(username="bob", time_us=9)),
    ]
    for event in events:
        await logs.bus.publish(subjects.journal("account", "bob"), AccountEvents(events=[event]).SerializeToString())
    await logs.put(subjects.archive(0), logs.frame(offline=BOB))
    reading = Logs(logs.bus)
    assert (await reading.known(await reading.traces(logs.frame(), 30), 5)).removed_us == {BOB: 7}
