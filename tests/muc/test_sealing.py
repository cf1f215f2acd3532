"""Profile zero: with the key a room is whole, without it there are its settings; on disk there is never a word."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.kv import Bucket, ensure
from natter.bus.snapshot import Snapshots
from natter.muc.rooms import KIND
from natter.muc.sealing import Seal
from natter.proto.v1 import room_pb2

from .test_worker import ROOM, party


async def sealing(hall, **settings: int) -> None:
    """From here on the hall's shard is one of profile zero."""
    hall.office.keep_words, hall.office.seal = False, Seal(hall.bus)
    await ensure(hall.bus, next(s for s in subjects.streams() if s.name == subjects.kv_stream(subjects.SEALS)))
    await hall.kill()
    await hall.open(0)


async def eventful(hall):
    one, two, three = await party(hall, persistentroom="1", roomname="Den")
    hall.send(two, f"<presence from='{two.jid}' to='{ROOM}/canary'><status>canary</status></presence>")
    hall.send(one, f"<message from='{one.jid}' to='{ROOM}' type='groupchat'><subject>canary</subject></message>")
    item = "<item affiliation='outcast' jid='x@y'><reason>canary</reason></item>"
    hall.send(
        one,
        f"<iq from='{one.jid}' id='a' to='{ROOM}' type='set'>"
        f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>",
    )
    await hall.settled()
    return one, two, three


async def stored(bus) -> list[bytes]:
    found = []
    for stream, pattern in ((subjects.JOURNALS, "natter.journal.>"), (subjects.kv_stream(subjects.SNAPSHOTS), "$KV.>")):
        found += [entry.payload for entry in await bus.read(stream, pattern, limit=10_000)]
    return found


async def test_the_next_holder_finds_everybody_and_the_disk_has_not_a_word(hall, bus) -> None:
    await sealing(hall)
    one, two, _ = await eventful(hall)
    before = hall.worker.rooms.get(ROOM).room
    await hall.kill()
    # Another process: it has the key from the bus.
    hall.office.seal = Seal(bus)
    await hall.open(hall.shard.progress.position)
    assert hall.worker.rooms.get(ROOM).room == before
    assert before.shown("canary") is not None and before.subject.text == "canary"
    hall.say(one, ROOM, "still here?")
    await hall.settled()
    assert two.bodies()[-1] == "still here?" and one.gone() == ["n1"]
    payloads = await stored(bus)
    assert payloads and all(b"canary" not in payload for payload in payloads)


async def test_snapshots_are_sealed_as_well(hall, bus) -> None:
    await sealing(hall)
    await eventful(hall)
    loaded = hall.worker.rooms.get(ROOM)
    payload = hall.office.seal.snapshot(loaded.room)
    assert b"canary" not in payload
    assert hall.office.seal.room(payload) == loaded.room
    await Snapshots(bus).put(KIND, ROOM, loaded.revision, payload)
    await hall.kill()
    stranger = Seal(bus)
    room = stranger.room(payload)
    assert room.config == loaded.room.config and not room.occupants and room.subject is None
    await hall.open(hall.shard.progress.position)
    assert hall.worker.rooms.get(ROOM).room == loaded.room


async def test_without_the_key_the_settings_are_left(hall, bus) -> None:
    await sealing(hall)
    one, _, _ = await eventful(hall)
    before = hall.worker.rooms.get(ROOM).room
    await hall.kill()
    # nats-server has lost its memory, and so has muc.
    await Bucket(bus, subjects.SEALS).delete("rooms")
    hall.office.seal = Seal(bus)
    await hall.open(hall.shard.progress.position)
    await hall.worker.rooms.load([ROOM])
    room = hall.worker.rooms.get(ROOM).room
    assert (room.config, room.secret) == (before.config, before.secret)
    assert {j: a.affiliation for j, a in room.affiliations.items()} == {
        j: a.affiliation for j, a in before.affiliations.items()
    }
    assert not room.occupants and room.subject is None
    hall.join(one, ROOM, "again")
    await hall.settled()
    assert hall.worker.rooms.get(ROOM).room.shown("again") is not None


async def test_who_still_knows_the_key_puts_it_back(hall, bus) -> None:
    await sealing(hall)
    old = hall.office.seal
    sealed = old.events([room_pb2.RoomEvent(time_us=5)], room_pb2.RoomSummary(jid=ROOM))
    await Bucket(bus, subjects.SEALS).delete("rooms")
    await old.ready()
    new = Seal(bus)
    await new.ready()
    entry = room_pb2.RoomEvents.FromString(new.opened(sealed))
    assert [event.time_us for event in entry.events] == [5] and entry.summary.jid == ROOM and not entry.sealed


async def test_elsewhere_nothing_is_sealed() -> None:
    seal = Seal()
    await seal.ready()
    payload = seal.events([room_pb2.RoomEvent(time_us=5)], room_pb2.RoomSummary(jid=ROOM))
    assert not room_pb2.RoomEvents.FromString(payload).sealed
    assert seal.opened(payload) is payload
