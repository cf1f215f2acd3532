"""Questions are answered beside the turns: rooms go on meanwhile, and an input is done when its answer is stored."""

from __future__ import annotations

import asyncio

from natter.bus.api import Unavailable

ROOM = "den@conference.localhost"
QUERY = "<query xmlns='urn:xmpp:mam:2'/>"


async def asked(hall):
    guest = await hall.login("u@localhost/r")
    hall.join(guest, ROOM, "me")
    hall.submit(guest, ROOM)
    await hall.settled()
    return guest


def ask(hall, guest, id: str) -> None:
    hall.send(guest, f"<iq from='{guest.jid}' id='{id}' to='{ROOM}' type='set'>{QUERY}</iq>")


async def test_the_room_goes_on_while_an_archive_is_slow(hall, monkeypatch) -> None:
    guest = await asked(hall)
    gate, read = asyncio.Event(), hall.bus.read

    async def slow(stream: str, *args, **more):
        if stream == "CHAPTERS":
            await gate.wait()
        return await read(stream, *args, **more)

    monkeypatch.setattr(hall.bus, "read", slow)
    before = hall.shard.progress.position
    ask(hall, guest, "q1")
    hall.say(guest, ROOM, "meanwhile")
    await hall.until(lambda: guest.bodies() == ["meanwhile"])
    # Whoever holds the shard next would be asked again.
    assert hall.shard.progress.position == before
    gate.set()
    await hall.until(lambda: any(s.get("id") == "q1" for s in guest.got))
    await hall.settled()
    assert hall.shard.progress.position > before


async def test_what_was_not_answered_is_asked_of_the_next_holder(hall, monkeypatch) -> None:
    guest = await asked(hall)
    never, read = asyncio.Event(), hall.bus.read

    async def stuck(stream: str, *args, **more):
        if stream == "CHAPTERS":
            await never.wait()
        return await read(stream, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(hall.bus, "read", stuck)
        position = hall.shard.progress.position
        ask(hall, guest, "q1")
        hall.say(guest, ROOM, "x")
        await hall.until(lambda: guest.bodies() == ["x"])
        await hall.kill()
    await hall.open(position)
    await hall.until(lambda: any(s.get("id") == "q1" for s in guest.got))
    assert guest.errors() == []


async def test_a_bus_that_does_not_answer(hall, monkeypatch) -> None:
    guest = await asked(hall)
    read = hall.bus.read

    async def away(stream: str, *args, **more):
        if stream == "CHAPTERS":
            raise Unavailable("away")
        return await read(stream, *args, **more)

    monkeypatch.setattr(hall.bus, "read", away)
    ask(hall, guest, "q1")
    await hall.until(lambda: guest.errors() == ["internal-server-error"])
