"""Opening a shard on a bus, by the holder that does it in the service."""

from __future__ import annotations

from functools import partial

from natter.bus import subjects
from natter.bus.holder import Holder
from natter.muc.opening import open_shard

ROOM = "den@conference.localhost"


async def test_a_holder_opens_feeds_and_closes_it(hall, bus) -> None:
    await hall._feed.stop()
    await hall.worker.close()
    hall.worker = None
    holder = Holder(
        bus,
        kind="room",
        count=1,
        service="muc",
        instance="muc-1",
        open_shard=partial(open_shard, hall.office),
        lease_seconds=1.0,
    )
    await holder.start()
    guest = await hall.login("u0@localhost/r")
    hall.join(guest, ROOM, "n0")
    await hall.until(lambda: len(guest.got) == 2)
    hall.submit(guest, ROOM)
    hall.say(guest, ROOM, "hello")
    await hall.until(guest.bodies)
    await holder.stop()
    assert holder.shards == {}
    assert await bus.last(subjects.JOURNALS, subjects.journal("room", ROOM)) is not None
    other = Holder(
        bus,
        kind="room",
        count=1,
        service="muc",
        instance="muc-2",
        open_shard=partial(open_shard, hall.office),
        lease_seconds=1.0,
    )
    await other.start()
    hall.say(guest, ROOM, "again")
    await hall.until(lambda: len(guest.bodies()) == 2)
    assert guest.bodies() == ["hello", "again"]
    assert guest.gone() == []
    await other.stop()
