"""Sessions of gateways that are gone, round one bus in memory."""

from __future__ import annotations

import asyncio

import pytest
from natter.gateway import heirs
from natter.gateway.resumption import hashed
from taking import World, again, chat, kill, managed, received


async def test_sessions_of_a_dead_gateway_are_taken_over_and_end_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heirs, "HEIR_SECONDS", 0.05)
    one, two = await world.gateway(resume_seconds_max=1), await world.gateway()
    _alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    await kill(one)
    await one.instances._bucket.delete(one.instances._key)
    bob.send(chat("alice@localhost/r", "too late"))
    await world.router.until(lambda: hashed(previd) in two.gateway.resumable)
    assert not [f for f in world.router.of("alice@localhost/r") if f.ended]
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    await world.router.until(lambda: [f for f in world.router.frames if f.returned and b"too late" in f.stanza])


async def test_stopped_in_peace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heirs, "HEIR_SECONDS", 0.05)
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    await one.stop()
    assert "<system-shutdown" in await alice.until_closed()
    await world.router.until(lambda: hashed(previd) in two.gateway.resumable)
    bob.send(chat("alice@localhost/r", "hello"))
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    assert await received(client, "hello") == ["hello"]
    assert not [f for f in world.router.of("alice@localhost/r") if f.ended]


async def test_one_that_takes_long_does_not_hold_up_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heirs, "HEIR_SECONDS", 0.05)
    one, two = await world.gateway(), await world.gateway()
    _alice, of_alice = await managed(world, one)
    take, first = two.gateway.takeovers.take, world.directory.by_resumption(hashed(of_alice)).session
    asked = []

    async def slowly(record):  # type: ignore[no-untyped-def]
        asked.append(record.session)
        if record.session == first:
            await asyncio.Event().wait()
        return await take(record)

    monkeypatch.setattr(two.gateway.takeovers, "take", slowly)
    await kill(one)
    await one.instances._bucket.delete(one.instances._key)
    await world.router.until(lambda: first in asked)
    three = await world.gateway()
    _bob, of_bob = await managed(world, three, "bob")
    await kill(three)
    await three.instances._bucket.delete(three.instances._key)
    await world.router.until(lambda: hashed(of_bob) in two.gateway.resumable)
    assert asked.count(first) == 1
