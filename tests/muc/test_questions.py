"""Questions are answered beside the turns: rooms go on meanwhile, and an input is done when its answer is stored."""

from __future__ import annotations

import asyncio

from natter.bus.api import Unavailable
from natter.muc import questions

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


async def test_one_user_asks_only_so_much_at_once(hall, monkeypatch) -> None:
    guest, other = await asked(hall), await hall.login("other@localhost/r")
    gate, read, reading = asyncio.Event(), hall.bus.read, []

    async def slow(stream: str, *args, **more):
        if stream == "CHAPTERS":
            reading.append(stream)
            await gate.wait()
        return await read(stream, *args, **more)

    monkeypatch.setattr(hall.bus, "read", slow)
    for number in range(questions.QUESTIONS_EACH_MAX + 2):
        ask(hall, guest, f"q{number}")
    await hall.until(lambda: guest.errors() == ["resource-constraint"] * 2)
    ask(hall, other, "mine")
    await hall.until(lambda: len(reading) == questions.AT_ONCE_MAX)
    gate.set()
    await hall.until(lambda: sum(s.get("type") == "result" for s in guest.got) > questions.QUESTIONS_EACH_MAX)
    await hall.until(lambda: any(s.get("id") == "mine" for s in other.got))
    assert other.errors() == []
    assert hall.worker.questions._askers == {}


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
