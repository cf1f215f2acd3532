"""Twenty holders of a room die in the middle of it: all occupants heard the same, and so says the archive."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from .conftest import Hall
from .test_archive import ROOM, ask, page

KILLS = 20
OCCUPANTS = 40
WORDS = 12


@pytest.fixture
async def den(bus) -> AsyncIterator[Hall]:
    made = Hall(bus, snapshot_events=25)
    await made.start()
    yield made
    await made.stop()


async def test_twenty_kills(den) -> None:
    guests = [await den.login(f"u{n}@localhost/r", gateway=f"gateway-{n % 3}-00000000") for n in range(OCCUPANTS)]
    den.join(guests[0], ROOM, "n0")
    den.submit(guests[0], ROOM, persistentroom="1")
    for number, guest in enumerate(guests[1:], 1):
        den.join(guest, ROOM, f"n{number}")
    await den.settled()
    chance = random.Random(4)
    said: list[str] = []
    for kill in range(KILLS):
        for _ in range(WORDS):
            said.append(f"word {len(said)}")
            den.say(chance.choice(guests), ROOM, said[-1])
        # Anywhere: before the first is decided, in the middle, behind the last, before or after what is saved.
        heard = len(guests[0].bodies())
        if wait := chance.randrange(WORDS):
            await den.until(lambda at_least=heard + wait: len(guests[0].bodies()) >= at_least)
        if chance.random() < 0.5:
            den.save()
            await den.worker.upkeep.tick()
        position = den.shard.saved
        await den.kill()
        if kill % 2:
            said.append(f"word {len(said)}")
            den.say(guests[1], ROOM, said[-1])
        await den.open(position)
    await den.settled()
    order = guests[0].bodies()
    assert sorted(order) == sorted(said)
    for guest in guests:
        assert guest.bodies() == order
        assert guest.gone() == []
        assert guest.errors() == []
    found: list[str] = []
    ids: list[str] = []
    after = ""
    while True:
        answer = await ask(den, guests[2], page(f"<max>100</max>{after}"))
        found += answer.bodies
        ids += answer.ids
        if answer.complete:
            break
        after = f"<after>{answer.ids[-1]}</after>"
    assert found == order
    live = [
        stanza.find("{urn:xmpp:sid:0}stanza-id").get("id")
        for stanza in guests[3].got
        if stanza.findtext("{jabber:client}body") is not None and stanza.get("type") == "groupchat"
    ]
    assert live == ids
    assert den.restarts == 0
