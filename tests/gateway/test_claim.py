"""A session's record changes hands, whatever the bus says of the write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from natter.bus.api import PublishUnknown, Unavailable
from natter.bus.directory import Directory
from natter.bus.directory import Session as Record
from natter.bus.memory import MemoryBus
from natter.gateway import claim as module
from natter.gateway.claim import arrived, claim, settled
from natter.gateway.resumption import hashed
from taking import World, managed

OLD = "gateway-1-aa"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


async def _ready(world: World, memory: MemoryBus) -> tuple[Any, Any, Record, Directory]:
    """The new gateway, the session to be, its record, and a directory with which others write."""
    one, two = await world.gateway(), await world.gateway()
    _, previd = await managed(world, one)
    record = world.directory.by_resumption(hashed(previd))
    arrival = two.gateway.takeovers._expect(record)
    return two.gateway, arrival.session, record, world.directory


async def test_it_is_ours(world: World, memory: MemoryBus) -> None:
    gateway, session, record, directory = await _ready(world, memory)
    assert await claim(gateway, session, record)
    found = await directory.read(record)
    assert found is not None and found.gateway == gateway.incarnation == session.record.gateway


async def test_its_availability_has_changed_meanwhile(world: World, memory: MemoryBus) -> None:
    gateway, session, record, directory = await _ready(world, memory)
    await directory.update(record, available=True, priority=5)
    assert await claim(gateway, session, record)
    assert (session.record.gateway, session.record.priority) == (gateway.incarnation, 5)
    assert session.announced.available and session.announced.priority == 5


async def test_somebody_else_was_faster(world: World, memory: MemoryBus) -> None:
    gateway, session, record, directory = await _ready(world, memory)
    await directory.update(record, gateway="gateway-3-cc")
    assert not await claim(gateway, session, record)
    assert (await directory.read(record)).gateway == "gateway-3-cc"  # type: ignore[union-attr]


async def test_it_was_over(world: World, memory: MemoryBus) -> None:
    gateway, session, record, directory = await _ready(world, memory)
    await directory.delete(record)
    assert not await claim(gateway, session, record)


Update = Callable[..., Awaitable[Record]]


@pytest.mark.parametrize("stored", [True, False])
async def test_the_bus_does_not_say_whether_the_write_is_stored(
    world: World, memory: MemoryBus, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    gateway, session, record, directory = await _ready(world, memory)
    update: Update = Directory.update
    answers: list[Exception | None] = [PublishUnknown("connection lost"), Unavailable("not connected")]

    async def doubtful(self: Directory, wanted: Record, **changes: object) -> Record:
        if not answers:
            return await update(self, wanted, **changes)
        if stored and len(answers) == 1:
            # As another process would: the replica here does not know.
            await update(directory, wanted, **changes)
        raise answers.pop(0) or AssertionError

    monkeypatch.setattr(Directory, "update", doubtful)
    assert await claim(gateway, session, record)
    assert not answers
    found = await directory.read(record)
    assert found is not None and found.gateway == gateway.incarnation
    assert session.record.revision == found.revision


async def test_nobody_takes_what_is_still_arriving_at_a_gateway_that_lives(world: World, memory: MemoryBus) -> None:
    two, session, record, directory = await _ready(world, memory)
    assert await claim(two, session, record)
    three = (await world.gateway()).gateway
    arriving = await directory.read(record)
    assert arriving is not None and arriving.arriving
    await three.binding.directory.sync()
    assert not await settled(three, arriving)
    with pytest.raises(Unavailable):
        await three.takeovers.bring(arriving)
    assert (await directory.read(record)).gateway == two.incarnation  # type: ignore[union-attr]
    # All here.
    await arrived(two, session, {})
    await three.binding.directory.sync()
    assert await settled(three, arriving)


async def test_what_was_arriving_at_a_gateway_that_is_gone_may_be_taken(world: World, memory: MemoryBus) -> None:
    two, _, record, directory = await _ready(world, memory)
    gone = await directory.update(record, gateway=OLD, arriving=True)
    assert await settled(two, gone)


async def test_what_has_gone_on_to_another_is_looked_up_again(world: World, memory: MemoryBus) -> None:
    two, session, record, directory = await _ready(world, memory)
    assert await claim(two, session, record)
    three = (await world.gateway()).gateway
    before = await directory.read(record)
    assert before is not None
    await directory.update(before, gateway="gateway-4-dd")
    await three.binding.directory.sync()
    assert not await settled(three, before)


async def test_it_is_said_until_it_is_stored_that_all_is_here(
    world: World, memory: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    two, session, record, directory = await _ready(world, memory)
    assert await claim(two, session, record)
    change, answers = two.binding.change, [False, True]

    async def sometimes(session: Any, **changes: object) -> bool:
        return answers.pop(0) and await change(session, **changes)

    monkeypatch.setattr(type(two.binding), "change", lambda _, *args, **changes: sometimes(*args, **changes))
    await arrived(two, session, {})
    assert answers == []
    assert not (await directory.read(record)).arriving  # type: ignore[union-attr]
