"""Waiting for the database to get further."""

from __future__ import annotations

import asyncio

import pytest
from natter.archive.reached import Reached
from natter.storage.database import DatabaseError


async def test_a_place_in_the_log() -> None:
    reached = Reached(3, {})
    assert await reached.reached(3, 0.0)
    assert not await reached.reached(4, 0.01)
    waiting = asyncio.create_task(reached.reached(5, 30.0))
    await asyncio.sleep(0)
    assert reached.waiting == 1
    reached.wrote(4, {})
    reached.wrote(5, {})
    assert await waiting and not reached.waiting


async def test_causes_of_several_lanes() -> None:
    reached = Reached(0, {"lane.0": (7, 16)})
    assert await reached.knows({"lane.0": (7, 16)}, 0.0)
    assert not await reached.knows({"lane.0": (7, 32)}, 0.01)
    waiting = asyncio.create_task(reached.knows({"lane.0": (7, 32), "lane.1": (1, 0)}, 30.0))
    await asyncio.sleep(0)
    reached.wrote(1, {"lane.0": (8, 0)})
    await asyncio.sleep(0)
    assert not waiting.done()
    reached.wrote(2, {"lane.1": (1, 0)})
    assert await waiting


async def test_nobody_waits_for_a_database_that_is_away() -> None:
    reached = Reached(0, {})
    waiting = asyncio.create_task(reached.reached(1, 30.0))
    await asyncio.sleep(0)
    reached.fail()
    with pytest.raises(DatabaseError):
        await waiting
    with pytest.raises(DatabaseError):
        await reached.reached(1, 30.0)
    reached.wrote(1, {})
    assert await reached.reached(1, 30.0)
