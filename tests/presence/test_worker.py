"""A presence service at work, on both backends: what reaches people, and what survives a kill."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gate import Gate
from natter.bus import subjects
from natter.proto.v1 import bus_pb2, roster_pb2
from natter.xmpp.element import parse

ROSTER = "<query xmlns='jabber:iq:roster'/>"


async def test_handshake(place: Any) -> None:
    anne, bob = await place.enter("anne/home", "gw1"), await place.enter("bob/work", "gw2")
    await anne.says("subscribe", "bob@natter.test")
    await anne.until("type='set'", "bob@natter.test", "ask='subscribe'")
    await bob.until("subscribe", "from='anne@natter.test'", "to='bob@natter.test'")
    await bob.says("subscribed", "anne@natter.test")
    await bob.until("type='set'", "anne@natter.test", "subscription='from'")
    await anne.until("subscribed", "from='bob@natter.test'")
    await anne.until("type='set'", "bob@natter.test", "subscription='to'")
    shown = await anne.until("<presence", "bob@natter.test/work")
    assert b"urn:xmpp:delay" in shown


async def test_broadcast_is_one_frame_per_gateway(place: Any) -> None:
    anne = await place.enter("anne/home", "gw1")
    bob, bob2 = await place.enter("bob/work", "gw2"), await place.enter("bob/phone", "gw2")
    await place.befriend(anne, bob)
    await asyncio.gather(anne.settled(), bob.settled(), bob2.settled())
    place.frames.clear()
    await anne.says(children="<show>away</show>")
    for person in (anne, bob, bob2):
        heard = await person.until("away", "anne@natter.test/home")
        assert f"to='{person.bare}'".encode() in heard
    shared = [(subject, frame) for subject, frame in place.frames if b"away" in frame.stanza]
    assert {subject: set(frame.sessions) for subject, frame in shared} == {
        "natter.deliver.gw1": {anne.session},
        "natter.deliver.gw2": {bob.session, bob2.session},
    }
    assert len(shared) == 2
    assert all(frame.sequence == 0 for _, frame in shared)


async def test_strangers_hear_nothing(place: Any) -> None:
    anne, eve = await place.enter("anne/home"), await place.enter("eve/lair")
    await eve.says("probe", "anne@natter.test")
    await eve.asks("get", "<query xmlns='jabber:iq:last'/>", to="anne@natter.test", id="last")
    assert b"forbidden" in await eve.until("last")
    await anne.says(children="<show>dnd</show>")
    await anne.until("dnd")
    assert not [stanza for stanza in await eve.settled() if b"anne" in stanza]


async def test_come_and_go(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await place.leave(bob)
    await anne.until("unavailable", "from='bob@natter.test/work'")
    again = await place.enter("bob/train")
    await anne.until("<presence", "from='bob@natter.test/train'")
    await again.until("<presence", "anne@natter.test/home", "urn:xmpp:delay")
    await again.says("unavailable")
    await anne.until("unavailable", "from='bob@natter.test/train'")
    await anne.asks("get", "<query xmlns='jabber:iq:last'/>", to="bob@natter.test", id="last")
    assert b"seconds=" in await anne.until("last", "result")


async def test_a_request_waits_for_a_session(place: Any) -> None:
    anne = await place.enter("anne/home")
    await place.account("bob")
    await anne.says("subscribe", "bob@natter.test", children="<status>it is me</status>")
    await anne.until("ask='subscribe'")
    bob = await place.join("bob/work")
    await bob.says()
    assert b"it is me" in await bob.until("subscribe", "from='anne@natter.test'")
    assert b"<item" not in b"".join(await bob.settled())


async def test_nobody_of_that_name_leaves_no_trace(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.says("subscribe", "ghost@natter.test")
    await anne.until("ask='subscribe'")
    await anne.settled()
    kept = await place.bus.read(subjects.JOURNALS, subjects.journal("roster", "ghost@natter.test"))
    assert kept == []
    ghost = await place.enter("ghost/attic")
    await anne.says("subscribe", "ghost@natter.test")
    await ghost.until("subscribe", "anne@natter.test")


async def test_rosters_are_pushed_versioned_and_kept(place: Any) -> None:
    anne, phone = await place.enter("anne/home", "gw1"), await place.enter("anne/phone", "gw2")
    for index in range(3):
        await anne.asks(
            "set", f"<query xmlns='jabber:iq:roster'><item jid='c{index}@x' name='C'/></query>", id=f"set{index}"
        )
    for person in (anne, phone):
        pushed = [await person.until("type='set'", f"c{index}@x") for index in range(3)]
        versions = [int(parse(push)[0].get("ver", "")) for push in pushed]
        assert versions == sorted(set(versions))
    await place.kill()
    await place.start()
    await anne.asks("get", f"<query xmlns='jabber:iq:roster' ver='{versions[-1]}'/>", id="same")
    assert b"<query" not in await anne.until("id='same'")
    await anne.asks("get", f"<query xmlns='jabber:iq:roster' ver='{versions[1]}'/>", id="one")
    assert b"<query" not in await anne.until("id='one'")
    await anne.until("type='set'", "c2@x")
    await anne.asks("get", "<query xmlns='jabber:iq:roster' ver=''/>", id="all")
    assert (await anne.until("id='all'")).count(b"<item") == 3


async def test_snapshot_and_truncation(place: Any) -> None:
    place.settings.snapshot_events = 5
    await place.kill()
    await place.start()
    anne = await place.enter("anne/home")
    for index in range(12):
        await anne.asks("set", f"<query xmlns='jabber:iq:roster'><item jid='c{index}@x'/></query>", id=f"set{index}")
        await anne.until(f"set{index}")
    subject = subjects.journal("roster", "anne@natter.test")
    for index in range(1000):
        if len(await place.bus.read(subjects.JOURNALS, subject)) <= 6:
            break
        # A snapshot that the bus did not take in time is made with the next change.
        item = f"<item jid='c0@x' name='{index}'/>"
        await anne.asks("set", f"<query xmlns='jabber:iq:roster'>{item}</query>", id=f"more{index}.")
        await anne.until(f"more{index}.")
    else:
        raise AssertionError("the journal was never cut")
    await place.kill()
    await place.start()
    await anne.asks("get", ROSTER, id="all")
    assert (await anne.until("id='all'")).count(b"<item") == 12


async def test_availability_survives_a_kill(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await anne.says("", "room@conference.natter.test/nick")
    await asyncio.gather(anne.settled(), bob.settled())
    await place.kill()
    await place.start()
    carol = await place.enter("carol/sea")
    await place.befriend(carol, bob)
    again = await place.enter("bob/train")
    await again.until("<presence", "anne@natter.test/home", "urn:xmpp:delay")
    await bob.says("unavailable")
    await anne.until("unavailable", "bob@natter.test/work")
    await place.leave(anne)
    await again.until("unavailable", "anne@natter.test/home")
    room = subjects.shard("room", subjects.shard_of("room@conference.natter.test", place.room_shards))
    # What goes to a room goes another way.
    async with asyncio.timeout(30):
        while (told := await place.bus.last(subjects.SHARDS, room)) is None:
            await asyncio.sleep(0.01)
    frame = bus_pb2.Envelope.FromString(told.payload).frames[-1]
    assert (frame.type, frame.sender, frame.to) == ("unavailable", anne.jid, "room@conference.natter.test/nick")
    assert frame.session == anne.session and b"to='room@conference.natter.test/nick'" in frame.stanza


async def test_killed_again_and_again_in_mid_handshake(place: Any) -> None:
    pairs = [(await place.enter(f"a{n}/r", "gw1"), await place.enter(f"b{n}/r", "gw2")) for n in range(3)]
    for step in ("subscribe", "subscribed"):
        for one, other in pairs:
            asker, asked = (one, other) if step == "subscribe" else (other, one)
            await asker.says(step, asked.bare)
        await place.kill()
        await place.start()
        if step == "subscribe":
            for one, other in pairs:
                await other.until("subscribe", f"from='{one.bare}'")
    for one, other in pairs:
        # The approval comes through the shard of who asked, the presence from that of who was asked.
        await one.until_each(("subscribed", f"from='{other.bare}'"), ("<presence", other.jid))
        for person, subscription in ((one, "to"), (other, "from")):
            await person.asks("get", ROSTER, id="all")
            assert f"subscription='{subscription}'".encode() in await person.until("id='all'")


async def test_what_was_done_is_not_done_again_differently(place: Any) -> None:
    """The positions are lost: everything in the log is worked on once more."""
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    for name in ("one", "two"):
        await anne.asks("set", f"<query xmlns='jabber:iq:roster'><item jid='c@x' name='{name}'/></query>", id=name)
        await anne.until(f"id='{name}'")
    await anne.asks("set", "<query xmlns='jabber:iq:roster'><item jid='c@x' subscription='remove'/></query>", id="rm")
    await anne.until("id='rm'")
    await asyncio.gather(anne.settled(), bob.settled())
    before = [
        len(await place.bus.read(subjects.JOURNALS, subjects.journal("roster", person.bare))) for person in (anne, bob)
    ]
    await place.kill()
    await place.bus.purge("KV_positions", "$KV.positions.>")
    await place.start()
    await asyncio.gather(anne.settled(), bob.settled())
    assert before == [
        len(await place.bus.read(subjects.JOURNALS, subjects.journal("roster", person.bare))) for person in (anne, bob)
    ]
    for person, other in ((anne, bob), (bob, anne)):
        await person.asks("get", ROSTER, id="end")
        roster = await person.until("id='end'")
        assert roster.count(b"<item") == 1
        assert f"jid='{other.bare}' subscription='both'".encode() in roster


async def test_a_session_that_vanishes(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await place.vanish(bob)
    await anne.until("unavailable", "from='bob@natter.test/work'")


async def test_a_session_that_vanished_while_nobody_looked(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await asyncio.gather(anne.settled(), bob.settled())
    await place.kill()
    await place.vanish(bob)
    await place.start()
    await anne.until("unavailable", "from='bob@natter.test/work'")


async def test_sessions_of_a_dead_gateway(place: Any) -> None:
    anne, bob = await place.enter("anne/home", "gw-alive"), await place.enter("bob/work", "gw-dead")
    await place.befriend(anne, bob)
    await place.bus.publish("$KV.instances.gateway.gw-alive", b"")
    janitor = asyncio.create_task(place.service.janitor.run(period_seconds=0.1))
    await anne.until("unavailable", "from='bob@natter.test/work'")
    janitor.cancel()
    assert place.writer.get(bob.jid) is None
    assert place.writer.get(anne.jid) is not None


async def test_a_resource_that_was_taken_over(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work", "gw1")
    await place.befriend(anne, bob)
    await place.vanish(bob)
    new = await place.enter("bob/work", "gw2")
    # The old session's last words come late.
    await bob.says(children="<show>xa</show>")
    frame = bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type="unavailable",
        sender=bob.jid,
        session=bob.session,
        ended=True,
        stanza=f"<presence from='{bob.jid}' type='unavailable'/>".encode(),
    )
    await place.route(frame)
    await new.says(children="<show>chat</show>")
    await anne.until("chat", "from='bob@natter.test/work'")
    heard = b"".join(await anne.settled())
    assert b"xa" not in heard and b"unavailable" not in heard


async def test_directed_presence(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await anne.says("", bob.jid, children="<show>chat</show>")
    await bob.until("chat", f"to='{bob.jid}'")
    await anne.says("unavailable")
    await bob.until("unavailable", anne.jid, f"to='{bob.jid}'")


async def test_a_wrong_priority(place: Any) -> None:
    anne = await place.join("anne/home")
    await anne.says(children="<priority>1000</priority>")
    assert b"bad-request" in await anne.until("type='error'")


async def test_an_iq_nobody_knows_is_answered(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.asks("get", "<query xmlns='urn:test:nothing'/>", id="what")
    assert b"service-unavailable" in await anne.until("what")


async def test_an_envelope_is_finished_when_all_of_it_is_stored(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.asks("set", "<query xmlns='jabber:iq:roster'><item jid='c@x'/></query>", id="one")
    await anne.until("id='one'")
    await anne.settled()
    number = subjects.shard_of("anne@natter.test", place.user_shards)
    last = await place.bus.last(subjects.SHARDS, subjects.shard("user", number))
    progress = place.holder.shards[number].progress
    async with asyncio.timeout(30):
        while progress.open_sequences:
            await asyncio.sleep(0)
    assert progress.position == last.sequence


async def test_many_changes_at_once_share_journal_entries(place: Any) -> None:
    anne = await place.enter("anne/home")
    frames = []
    for index in range(100):
        stanza = (
            f"<iq type='set' id='n{index}' from='{anne.jid}'><query xmlns='jabber:iq:roster'>"
            f"<item jid='c{index}@x'/></query></iq>"
        )
        frames.append(
            bus_pb2.Frame(
                kind=bus_pb2.KIND_IQ,
                type="set",
                id=f"n{index}",
                sender=anne.jid,
                session=anne.session,
                payload="{jabber:iq:roster}query",
                stanza=stanza.encode(),
            )
        )
    subject = subjects.shard("user", subjects.shard_of(anne.bare, place.user_shards))
    await place.bus.publish(subject, bus_pb2.Envelope(source="lane.0", frames=frames).SerializeToString())
    versions = []
    for index in range(100):
        push = await anne.until("type='set'", f"'c{index}@x'")
        versions.append(int(parse(push)[0].get("ver", "")))
    await anne.until("id='n99'", "result")
    assert versions == sorted(set(versions))
    entries = await place.bus.read(subjects.JOURNALS, subjects.journal("roster", anne.bare))
    assert len(entries) <= 3
    events = [event for entry in entries for event in roster_pb2.RosterEvents.FromString(entry.payload).events]
    assert len(events) == 100
    assert {event.source for event in events} == {f"user.{subjects.shard_of(anne.bare, place.user_shards)}"}


async def test_another_writer_makes_the_shard_start_again(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.asks("set", "<query xmlns='jabber:iq:roster'><item jid='a@x'/></query>", id="one")
    await anne.until("id='one'")
    foreign = roster_pb2.RosterEvents(
        events=[roster_pb2.RosterEvent(changed=roster_pb2.ContactChanged(jid="foreign@x", listed=True))]
    )
    await place.bus.publish(subjects.journal("roster", anne.bare), foreign.SerializeToString())
    await anne.asks("set", "<query xmlns='jabber:iq:roster'><item jid='b@x'/></query>", id="two")
    await anne.until("id='two'", "result")
    await anne.asks("get", ROSTER, id="all")
    roster = await anne.until("id='all'")
    assert all(jid in roster for jid in (b"'a@x'", b"'b@x'", b"'foreign@x'"))


@pytest.mark.parametrize("payload", [b"\xff\xff", bus_pb2.Envelope(frames=[bus_pb2.Frame()]).SerializeToString()])
async def test_nonsense_does_not_stop_the_shard(place: Any, payload: bytes) -> None:
    anne = await place.enter("anne/home")
    await place.bus.publish(subjects.shard("user", subjects.shard_of(anne.bare, place.user_shards)), payload)
    await anne.settled()


async def test_what_follows_a_move_waits_for_what_was_sent_before(place: Any) -> None:
    anne, bob = await place.enter("anne/home", "gw1"), await place.enter("bob/work", "gw2")
    await place.befriend(anne, bob)
    await asyncio.gather(anne.settled(), bob.settled())
    gate = Gate(place.bus)
    gate.shut = {subjects.deliver("gw2")}
    await anne.says(children="<status>before</status>")
    await gate.tried()
    moved = await place.directory.update(place.directory.get(bob.jid), gateway="gw3")
    await anne.says(children="<status>after</status>")
    await anne.until("after")
    senders = [worker._tools.senders for worker in place.service.workers.values()]
    assert await place.bus.last(subjects.DELIVERIES, subjects.deliver("gw3")) is None
    assert moved.gateway == "gw3"
    gate.shut.clear()
    for each in senders:
        await each.drain()
    before = await place.bus.last(subjects.DELIVERIES, subjects.deliver("gw2"))
    after = await place.bus.last(subjects.DELIVERIES, subjects.deliver("gw3"))
    assert before.sequence < after.sequence
