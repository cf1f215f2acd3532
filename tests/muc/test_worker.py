"""A shard's worker on both buses: scenes in rooms, and kill -9 in the middle of them."""

from __future__ import annotations

import asyncio
import itertools

from gate import Gate
from natter.bus import subjects
from natter.muc.settings import Settings
from natter.proto.v1 import bus_pb2, room_pb2
from rows import Rows

from .conftest import Hall

ROOM = "den@conference.localhost"


async def party(hall, count: int = 3, **config: str):
    """Some people in a configured room; the first owns it."""
    guests = [await hall.login(f"u{n}@localhost/r", gateway=f"gateway-{n % 2 + 1}-00000000") for n in range(count)]
    hall.join(guests[0], ROOM, "n0")
    hall.submit(guests[0], ROOM, **config)
    for n, guest in enumerate(guests[1:], 1):
        hall.join(guest, ROOM, f"n{n}")
    await hall.settled()
    return guests


async def test_three_people_talk(hall) -> None:
    one, two, three = await party(hall)
    hall.say(two, ROOM, "hello all")
    hall.say(three, ROOM, "psst", nick="n1")
    await hall.settled()
    assert one.bodies() == ["hello all"]
    assert two.bodies() == ["hello all", "psst"]
    assert three.bodies() == ["hello all"]
    assert hall.duplicates == 0


async def test_everybody_hears_the_same_order(hall) -> None:
    guests = await party(hall, 4)
    for number in range(50):
        hall.say(guests[number % 4], ROOM, f"word {number}")
    await hall.settled()
    expected = [f"word {number}" for number in range(50)]
    assert [guest.bodies() for guest in guests] == [expected] * 4


async def test_a_broadcast_is_one_frame_per_gateway(hall, bus) -> None:
    guests = await party(hall, 4)
    before = await bus.last_sequence(subjects.DELIVERIES)
    hall.say(guests[0], ROOM, "x")
    await hall.settled()
    entries = await bus.read(subjects.DELIVERIES, "natter.deliver.*", after=before)
    frames = [f for e in entries for f in bus_pb2.Envelope.FromString(e.payload).frames if f.type == "groupchat"]
    assert len(frames) == 2
    assert sorted(len(frame.sessions) for frame in frames) == [2, 2]
    assert {frame.index for frame in frames} == {0}
    assert all(frame.sequence and frame.tos and frame.accepted_us == 1 for frame in frames)


async def test_a_frame_that_comes_again_is_not_said_again(hall) -> None:
    one, two, _ = await party(hall)
    hall.say(one, ROOM, "once")
    hall.say(two, ROOM, "psst", nick="n0")
    stranger = await hall.login("x@localhost/r")
    hall.say(stranger, ROOM, "let me in")
    await hall.settled()
    assert stranger.errors() == ["not-acceptable"]
    # The lane has a new holder, which repeats what it is not sure of.
    hall.publish(hall.frames)
    await hall.settled()
    assert one.bodies() == ["once", "psst"]
    assert stranger.errors() == ["not-acceptable"]
    assert one.gone() == two.gone() == []


async def test_a_frame_that_comes_again_long_after_is_not_said_again_by_the_next_holder(hall, bus) -> None:
    one, two, _ = await party(hall)
    hall.say(one, ROOM, "once")
    hall.say(two, ROOM, "psst", nick="n0")
    await hall.settled()
    # All of it is done and saved, the events will not be read again.
    position = hall.save()
    for _ in range(3):
        await hall.worker.upkeep.tick()
    assert hall.worker.upkeep.position.value == await bus.last_sequence(subjects.JOURNALS)
    await hall.kill()
    await hall.open(position)
    # The lane's new holder repeats what the old one, killed before, was not sure of.
    hall.publish(hall.frames)
    hall.say(one, ROOM, "and once more")
    await hall.settled()
    assert one.bodies() == ["once", "psst", "and once more"]
    assert two.bodies() == ["once", "and once more"]


async def test_kill_in_the_middle_loses_and_repeats_nothing(hall) -> None:
    guests = await party(hall, 4, persistentroom="1")
    said = 0
    for _ in range(4):
        for _ in range(20):
            hall.say(guests[said % 4], ROOM, f"word {said}")
            said += 1
        await hall.until(lambda at_least=said - 20: len(guests[0].bodies()) > at_least)
        position = hall.shard.progress.position
        await hall.kill()
        hall.say(guests[0], ROOM, f"word {said}")
        said += 1
        await hall.open(max(0, position - 3))
    await hall.settled()
    expected = sorted(f"word {number}" for number in range(said))
    for guest in guests:
        assert sorted(guest.bodies()) == expected
        assert guest.bodies() == guests[0].bodies()
        assert guest.gone() == []


async def test_killed_after_the_append_the_next_holder_delivers(hall, bus) -> None:
    one, two, three = await party(hall)
    # What a holder that died between append and delivery leaves behind: the event in the journal, no delivery.
    loaded = hall.worker.rooms.get(ROOM)
    await hall.kill()
    event = room_pb2.RoomEvent(source="lane.0", sequence=10_000, index=16, time_us=1)
    event.message_sent.nick = "n1"
    event.message_sent.stanza = f"<message from='{ROOM}/n1' type='groupchat'><body>lost?</body></message>".encode()
    entry = room_pb2.RoomEvents(events=[event], summary=room_pb2.RoomSummary(jid=ROOM, exists=True, occupants=3))
    await bus.publish(subjects.journal("room", ROOM), entry.SerializeToString(), expect_last=loaded.revision)
    position = hall.shard.progress.position
    await hall.open(position)
    await hall.until(lambda: one.bodies() and two.bodies() and three.bodies())
    frame = bus_pb2.Frame(session=two.session.session, sequence=10_000, index=16, kind=1, type="groupchat")
    frame.sender, frame.to, frame.stanza = two.jid, ROOM, b"<message type='groupchat'><body>lost?</body></message>"
    hall.publish([frame])
    hall.lane = itertools.count(10_001)
    await hall.settled()
    assert one.bodies() == ["lost?"]


async def test_a_room_comes_back_as_it_was(hall) -> None:
    one, two, _ = await party(hall, persistentroom="1", roomname="Den", moderatedroom="0")
    hall.say(two, ROOM, "before")
    hall.send(one, f"<message from='{one.jid}' to='{ROOM}' type='groupchat'><subject>Old times</subject></message>")
    query = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='{}' jid='{}'/></query>"
    for affiliation, jid in (("admin", "u1@localhost"), ("outcast", "x@localhost")):
        inner = query.format(affiliation, jid)
        hall.send(one, f"<iq from='{one.jid}' id='a' to='{ROOM}' type='set'>{inner}</iq>")
    await hall.settled()
    before = hall.worker.rooms.get(ROOM).room
    await hall.kill()
    await hall.open(hall.shard.progress.position)
    late = await hall.login("late@localhost/r")
    banned = await hall.login("x@localhost/r")
    hall.join(late, ROOM, "late")
    hall.join(banned, ROOM, "x")
    hall.say(two, ROOM, "after")
    await hall.settled()
    assert banned.errors() == ["forbidden"]
    assert late.bodies() == ["before", "after"]
    assert [s.findtext("{jabber:client}subject") for s in late.got if s.find("{jabber:client}subject") is not None] == [
        "Old times"
    ]
    after = hall.worker.rooms.get(ROOM).room
    assert (after.config, after.affiliations, after.subject) == (before.config, before.affiliations, before.subject)
    assert one.gone() == two.gone() == []


async def test_a_session_that_vanishes_leaves_with_333(hall) -> None:
    one, two, three = await party(hall)
    await hall.directory.delete(two.session)
    await hall.until(lambda: one.gone() and three.gone())
    assert one.gone() == ["n1"]
    codes = [s.get("code") for s in one.got[-1].iter("{http://jabber.org/protocol/muc#user}status")]
    assert codes == ["333"]


async def test_what_a_session_has_said_is_said_though_it_has_left_the_directory_before(bus) -> None:
    # As it is set without being told: routers may be away for some seconds.
    hall = Hall(bus, vanish_seconds=Settings().vanish_seconds)
    await hall.start()
    one, two, _three = await party(hall)
    await hall.directory.delete(two.session)
    await hall.until(lambda: hall.office.strangers.gateway(two.session.session) == "")
    hall.say(two, ROOM, "my last words")
    frame = bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type="unavailable",
        sender=two.jid,
        session=two.session.session,
        ended=True,
        stanza=f"<presence from='{two.jid}' type='unavailable'/>".encode(),
        sequence=next(hall.lane),
        index=16,
        rooms=(1 << 64) - 1,
    )
    hall.publish([frame])
    await hall.until(lambda: one.gone())
    assert (one.bodies(), one.gone()) == (["my last words"], ["n1"])
    await hall.stop()


async def test_a_session_that_vanished_while_nobody_held_the_shard_leaves_too(hall) -> None:
    one, two, _ = await party(hall)
    await hall.kill()
    await hall.directory.delete(two.session)
    await hall.open(hall.shard.progress.position)
    await hall.until(one.gone)
    assert one.gone() == ["n1"]


async def test_what_is_refused_and_who_sent_it_has_left_is_written_down(hall) -> None:
    one, two, three = await party(hall)
    hall.office.facts = rows = Rows()
    await hall.directory.delete(two.session)
    await hall.until(lambda: one.gone() and three.gone())
    # Its gateway stood still, and brings now what it had said meanwhile.
    hall.say(two, ROOM, "are you still there?")
    hall.say(two, ROOM, "psst", nick="n2")
    hall.say(one, ROOM, "yes")
    await hall.settled()
    await hall.until(lambda: len(rows.rows) == 2)
    assert [(row["outcome"], row["sender"]) for row in rows.rows] == [("dropped:room", two.jid)] * 2
    assert three.bodies() == ["yes"]


async def test_a_farewell_comes_once(hall) -> None:
    one, two, _ = await party(hall)
    frame = hall.send(None, f"<presence from='{two.jid}' to='{ROOM}/n1' type='unavailable'/>")
    assert frame.session == ""
    await hall.directory.delete(two.session)
    await hall.settled()
    # Longer than the patience with sessions that vanish.
    await asyncio.sleep(0.1)
    await hall.settled()
    assert one.gone() == ["n1"]


async def test_a_new_session_of_the_same_resource_is_not_thrown_out(hall) -> None:
    one, two, _ = await party(hall)
    await hall.directory.delete(two.session)
    again = await hall.login(two.jid)
    hall.join(again, ROOM, "n1")
    await hall.settled()
    await asyncio.sleep(0.1)
    hall.say(one, ROOM, "still here?")
    await hall.settled()
    assert again.bodies() == ["still here?"]


async def test_another_holder_fences_this_one(hall, bus) -> None:
    one, *_ = await party(hall)
    loaded = hall.worker.rooms.get(ROOM)
    event = room_pb2.RoomEvents(summary=room_pb2.RoomSummary(jid=ROOM, exists=True, occupants=3))
    await bus.publish(subjects.journal("room", ROOM), event.SerializeToString(), expect_last=loaded.revision)
    position = hall.shard.progress.position
    hall.say(one, ROOM, "who holds me?")
    await hall.until(lambda: hall.restarts)
    assert one.bodies() == []
    await hall.kill()
    await hall.open(position)
    await hall.settled()
    assert one.bodies() == ["who holds me?"]


async def test_poison_in_a_frame_stops_nothing(hall) -> None:
    one, *_ = await party(hall)
    bad = bus_pb2.Frame(kind=1, type="groupchat", sender=one.jid, to=ROOM, stanza=b"<", session=one.session.session)
    hall.publish([bad])
    hall.say(one, ROOM, "fine")
    await hall.settled()
    assert one.bodies() == ["fine"]


async def test_the_last_one_takes_a_temporary_room_along(hall) -> None:
    guests = await party(hall)
    for n, guest in enumerate(guests):
        hall.send(guest, f"<presence from='{guest.jid}' to='{ROOM}/n{n}' type='unavailable'/>")
    await hall.settled()
    assert not hall.worker.rooms.get(ROOM).room.exists
    assert hall.office.roomlist.public() == []
    newcomer = await hall.login("new@localhost/r")
    hall.join(newcomer, ROOM, "me")
    await hall.settled()
    codes = [s.get("code") for s in newcomer.got[0].iter("{http://jabber.org/protocol/muc#user}status")]
    assert codes == ["110", "170", "201"]


async def test_full_means_stop_reading(hall) -> None:
    assert not hall.worker.full()
    assert hall.worker.idle()


async def test_what_a_room_says_after_a_move_waits_for_what_it_said_before(hall, bus) -> None:
    one, two, _ = await party(hall)
    gate = Gate(bus)
    old, new = subjects.deliver(two.session.gateway), subjects.deliver("gateway-9-00000000")
    gate.shut = {old}
    hall.say(one, ROOM, "to the old gateway")
    await gate.tried()
    two.session = await hall.directory.update(two.session, gateway="gateway-9-00000000")
    hall.say(one, ROOM, "to the new one")
    async with asyncio.timeout(30):
        while not hall.worker.senders.to(new).waiting_frames:
            await asyncio.sleep(0.001)
    # Its own gateway has got both; nothing has passed what the old gateway has not got.
    await hall.until(lambda: one.bodies() == ["to the old gateway", "to the new one"])
    assert await bus.last(subjects.DELIVERIES, new) is None
    gate.shut.clear()
    await hall.settled()
    at_old, at_new = await bus.last(subjects.DELIVERIES, old), await bus.last(subjects.DELIVERIES, new)
    assert at_old.sequence < at_new.sequence
    assert two.bodies() == ["to the old gateway", "to the new one"]


async def test_without_keeping_words_a_room_talks_and_nothing_of_it_is_stored(hall, bus) -> None:
    hall.office.keep_words = False
    await hall.kill()
    await hall.open(0)
    one, two, three = await party(hall)
    hall.say(one, ROOM, "canary aloud")
    hall.say(two, ROOM, "canary again")
    await hall.settled()
    assert one.bodies() == two.bodies() == three.bodies() == ["canary aloud", "canary again"]
    late = await hall.login("late@localhost/r")
    hall.join(late, ROOM, "late")
    await hall.settled()
    assert late.bodies() == []
    # Who was killed before he was sure says it again: better than not at all.
    await hall.kill()
    await hall.open(0)
    await hall.settled()
    assert one.bodies() == ["canary aloud", "canary again"] * 2
    for stream, pattern in ((subjects.JOURNALS, "natter.journal.>"), (subjects.kv_stream(subjects.SNAPSHOTS), "$KV.>")):
        entries = await bus.read(stream, pattern, limit=10_000)
        assert all(b"canary" not in entry.payload for entry in entries)
    assert await bus.last_sequence(subjects.JOURNALS) > 0
