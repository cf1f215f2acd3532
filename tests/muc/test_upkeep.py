"""A shard's upkeep: delivered position, snapshots, purges."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.kv import Bucket
from natter.bus.snapshot import Snapshots
from natter.muc.room import snapshot
from natter.muc.upkeep import PATIENCE_TICKS
from natter.proto.v1 import bus_pb2

ROOM = "den@conference.localhost"


async def talk(hall, count: int):
    guest = await hall.login("u0@localhost/r")
    hall.join(guest, ROOM, "n0")
    hall.submit(guest, ROOM, persistentroom="1")
    for number in range(count):
        hall.say(guest, ROOM, f"word {number}")
        if number % 20 == 0:
            await hall.settled()
    await hall.settled()
    return guest


async def test_a_snapshot_once_its_events_are_delivered(hall, bus) -> None:
    await talk(hall, 250)
    loaded = hall.worker.rooms.get(ROOM)
    assert await Snapshots(bus).get("room", ROOM) is None
    for _ in range(3):
        hall.save()
        await hall.worker.upkeep.tick()
    revision, payload = await Snapshots(bus).get("room", ROOM)
    assert snapshot.decode(payload).jid == ROOM
    entries = await bus.read(subjects.JOURNALS, subjects.journal("room", ROOM))
    assert entries[0].sequence == revision
    assert entries[-1].sequence == loaded.revision
    before = loaded.room
    await hall.kill()
    await hall.open(hall.shard.progress.position)
    assert hall.worker.rooms.get(ROOM).room == before


async def test_the_position_moves_once_the_inputs_are_saved(hall, bus) -> None:
    positions = Bucket(bus, subjects.POSITIONS)
    await talk(hall, 5)
    assert (await positions.get("room-out.0")).value == b"0"
    for _ in range(3):
        await hall.worker.upkeep.tick()
        assert (await positions.get("room-out.0")).value == b"0"
    hall.save()
    await hall.worker.upkeep.tick()
    position = int((await positions.get("room-out.0")).value)
    assert position == await bus.last_sequence(subjects.JOURNALS)
    # Nothing is repeated from there.
    duplicates = hall.duplicates
    await hall.kill()
    await hall.open(hall.shard.progress.position)
    await hall.settled()
    assert hall.duplicates == duplicates


async def test_inputs_that_were_not_saved_are_not_decided_again(hall, bus) -> None:
    guest = await talk(hall, 5)
    # The bus took this position, and was killed before it took that of the inputs.
    for _ in range(3):
        await hall.worker.upkeep.tick()
    before = await bus.last_sequence(subjects.JOURNALS)
    await hall.kill()
    await hall.open(0)
    await hall.settled()
    assert guest.bodies() == [f"word {number}" for number in range(5)]
    assert await bus.last_sequence(subjects.JOURNALS) == before


async def test_the_position_does_not_wait_for_ever_for_what_was_lost(hall, bus) -> None:
    await talk(hall, 2)
    upkeep = hall.worker.upkeep
    await upkeep.tick()
    # Its log is gone: the mark of this one never comes.
    upkeep._wanted["lane.7~gone"] = 1
    hall.save()
    for _ in range(PATIENCE_TICKS):
        await upkeep.tick()
        assert not upkeep.position.value
    await upkeep.tick()
    assert upkeep.position.value == await bus.last_sequence(subjects.JOURNALS)


async def test_what_other_shards_write_is_passed_over(hall, bus) -> None:
    await bus.publish(subjects.journal("roster", "x"), b"x")
    for _ in range(2):
        await hall.worker.upkeep.tick()
    assert hall.worker.upkeep.position.value == await bus.last_sequence(subjects.JOURNALS)


async def test_a_destroyed_room_is_forgotten_in_the_end(hall, bus) -> None:
    guest = await talk(hall, 1)
    query = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>"
    hall.send(guest, f"<iq from='{guest.jid}' id='d' to='{ROOM}' type='set'>{query}</iq>")
    await hall.settled()
    upkeep = hall.worker.upkeep
    for _ in range(3):
        hall.save()
        await upkeep.tick()
    subject = subjects.journal("room", ROOM)
    assert await bus.last(subjects.JOURNALS, subject) is not None
    upkeep.forget_seconds = -1.0
    await upkeep.tick()
    assert await bus.last(subjects.JOURNALS, subject) is None
    assert hall.worker.rooms.get(ROOM) is None
    assert not upkeep.destroyed
    hall.join(guest, ROOM, "again")
    await hall.settled()
    assert hall.worker.rooms.get(ROOM).room.exists
    assert hall.restarts == 0


async def test_closing_in_peace_saves_the_position(hall, bus) -> None:
    await talk(hall, 2)
    await hall._feed.stop()
    hall.save()
    await hall.worker.close()
    saved = int((await Bucket(bus, subjects.POSITIONS).get("room-out.0")).value)
    assert saved == await bus.last_sequence(subjects.JOURNALS)
    await hall.open(hall.shard.progress.position)


async def test_a_holder_that_was_replaced_cannot_move_the_position(hall, bus) -> None:
    await talk(hall, 2)
    old = hall.worker.upkeep
    await hall._feed.stop()
    await hall.open(hall.shard.progress.position)
    before = (await Bucket(bus, subjects.POSITIONS).get("room-out.0")).value
    await old.close()
    assert (await Bucket(bus, subjects.POSITIONS).get("room-out.0")).value == before
    assert isinstance(bus_pb2.Frame(), bus_pb2.Frame)


async def test_few_large_entries_are_worth_a_snapshot_too(hall, bus, monkeypatch) -> None:
    monkeypatch.setattr("natter.muc.upkeep.SNAPSHOT_PENDING_BYTES", 20_000)
    guest = await talk(hall, 1)
    hall.say(guest, ROOM, "x" * 30_000)
    await hall.settled()
    assert hall.worker.rooms.get(ROOM).pending_bytes > 30_000
    for _ in range(3):
        hall.save()
        await hall.worker.upkeep.tick()
    assert await Snapshots(bus).get("room", ROOM) is not None
    assert hall.worker.rooms.get(ROOM).pending_bytes == 0


async def test_what_was_taken_back_leaves_journal_and_snapshot_soon(hall, bus) -> None:
    guest = await talk(hall, 3)
    hall.say(guest, ROOM, "canary")
    await hall.settled()
    heard = next(s for s in guest.got if s.findtext("{jabber:client}body") == "canary")
    id = heard.find("{urn:xmpp:sid:0}stanza-id").get("id")

    async def stored() -> list[bytes]:
        entries = await bus.read(subjects.JOURNALS, subjects.journal("room", ROOM))
        found = await Snapshots(bus).get("room", ROOM)
        return [*(entry.payload for entry in entries), found[1] if found is not None else b""]

    assert any(b"canary" in payload for payload in await stored())
    hall.send(
        guest,
        f"<message from='{guest.jid}' id='r' to='{ROOM}' type='groupchat'>"
        f"<retract xmlns='urn:xmpp:message-retract:1' id='{id}'/></message>",
    )
    await hall.settled()
    for _ in range(4):
        hall.save()
        await hall.worker.upkeep.tick()
    assert await Snapshots(bus).get("room", ROOM) is not None
    assert all(b"canary" not in payload for payload in await stored())
    # The archive has what was said round it, and a tombstone in its place.
    assert b"word 2" in b"".join(await stored())
