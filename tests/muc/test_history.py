"""A room as it was, from chapters, journal and both, on both buses."""

from __future__ import annotations

import pytest
from natter.bus import subjects
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.muc.history import Unknown, state_at
from natter.muc.rooms import Rooms

from .conftest import Hall

ROOM = "den@conference.localhost"


@pytest.fixture
async def den(bus):
    made = Hall(bus, snapshot_events=10)
    await made.start()
    yield made
    await made.stop()


async def at(hall: Hall, time_us: int):
    return await state_at(hall.bus, Rooms(Journal(hall.bus), Snapshots(hall.bus), loaded_max=1), ROOM, time_us)


async def test_who_was_in_at_any_time(den) -> None:
    guests = [await den.login(f"u{n}@localhost/r") for n in range(12)]
    before = den.office.now_us()
    moments: list[tuple[int, set[str], str]] = []
    for number, guest in enumerate(guests):
        den.join(guest, ROOM, f"n{number}")
        if not number:
            den.submit(guest, ROOM, persistentroom="1")
        else:
            left = guests[number - 1]
            den.send(left, f"<presence from='{left.jid}' to='{ROOM}/x' type='unavailable'/>")
        subject = f"subject {number}"
        den.send(
            guests[0],
            f"<iq from='{guests[0].jid}' id='a' to='{ROOM}' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'>"
            f"<item affiliation='member' jid='m{number}@localhost'/></query></iq>",
        )
        den.submit(guests[0], ROOM, roomname=subject)
        for word in range(4):
            den.say(guest, ROOM, f"word {word}")
        await den.settled()
        room = den.worker.rooms.get(ROOM).room
        moments.append((den.office.now_us(), set(room.nicks), room.config.name))
        den.save()
        await den.worker.upkeep.tick()
    assert len(await den.bus.read(subjects.CHAPTERS, subjects.chapters(ROOM))) > 4
    for moment, nicks, name in moments:
        room = await at(den, moment)
        assert (set(room.nicks), room.config.name) == (nicks, name)
    now = await at(den, den.office.now_us())
    assert now == den.worker.rooms.get(ROOM).room
    assert not (await at(den, before)).exists
    # What is kept begins later.
    first = (await den.bus.read(subjects.CHAPTERS, subjects.chapters(ROOM), limit=1))[0]
    await den.bus.purge(subjects.CHAPTERS, first.subject, below=first.sequence + 1)
    with pytest.raises(Unknown):
        await at(den, moments[0][0])
    assert set((await at(den, moments[-2][0])).nicks) == moments[-2][1]


async def test_a_room_without_chapters(den) -> None:
    guest = await den.login("u@localhost/r")
    den.join(guest, ROOM, "me")
    den.submit(guest, ROOM)
    await den.settled()
    assert set((await at(den, den.office.now_us())).nicks) == {"me"}
    assert not (await at(den, 1)).exists
