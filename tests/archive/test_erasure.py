"""The end of an account is the end of its archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from archiveworld import ALICE, BOB, FIRST_US, World, until
from natter.archive.erasure import POSITION, Erasure
from natter.bus import subjects
from natter.proto.v1 import accounts_pb2
from natter.storage.archive import Filter

NOW = FIRST_US + 1_000_000_000


async def end(world: World, name: str, time_us: int = NOW) -> int:
    removed = accounts_pb2.AccountRemoved(username=name, time_us=time_us)
    event = accounts_pb2.AccountEvents(events=[accounts_pb2.AccountEvent(removed=removed)])
    return await world.bus.publish(subjects.journal("account", name), event.SerializeToString())


@pytest.fixture
async def erasure(world: World) -> AsyncIterator[Erasure]:
    tools = world.tools
    made = Erasure(world.bus, world.archive, tools.accounts, tools.deciding)
    await made.start()
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await made.stop()


async def test_nothing_is_left_and_others_keep_theirs(world: World, erasure: Erasure) -> None:
    await world.take(world.message("1"), world.message("2", sender=f"{BOB}/b", to=ALICE, offline=ALICE))
    sequence = await end(world, "alice")
    while await world.archive.sequence(POSITION) < sequence:
        await asyncio.sleep(0.01)
    assert await world.archive.count(Filter(ALICE)) == 0
    assert await world.archive.count(Filter(BOB)) == 2
    assert await world.archive.counts() == {}


async def test_what_was_still_on_its_way_is_not_written(world: World, erasure: Erasure) -> None:
    await end(world, "alice")
    await until(lambda: world.tools.accounts.removed)
    await world.take(world.message("before"), world.message("after", accepted_us=NOW + 1))
    assert await world.archive.count(Filter(ALICE)) == 1
    assert await world.archive.count(Filter(BOB)) == 2


async def test_what_ended_while_nobody_was_here(world: World) -> None:
    await world.take(world.message("1"))
    await end(world, "alice")
    made = Erasure(world.bus, world.archive, world.tools.accounts, world.tools.deciding)
    await made.start()
    task = asyncio.create_task(made.run())
    while await world.archive.count(Filter(ALICE)):
        await asyncio.sleep(0.01)
    task.cancel()
    await made.stop()
