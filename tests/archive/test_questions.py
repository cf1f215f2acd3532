"""Questions: behind what was said, behind what was heard, answered once, and never left without a word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from archiveworld import ALICE, BOB, World, until
from natter.archive import questions
from natter.bus.api import Unavailable
from natter.proto.v1.bus_pb2 import Frame, Mark
from natter.storage.archive import Page

QUERY = "{urn:xmpp:mam:2}query"
ASK = "<query xmlns='urn:xmpp:mam:2'/>"


async def answers(world: World, count: int) -> list[Frame]:
    """What was sent to the asker, once there is so much."""
    found: list[Frame] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            await asyncio.sleep(0.005)
            found = await world.delivered()
    return found


async def test_it_waits_for_what_another_gateway_has_told_the_asker(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    late = world.message("late", sender=f"{BOB}/b", to=ALICE, sequence=70, index=16)
    asked = world.iq(QUERY, ASK)
    asked.heard.append(Mark(source="lane.1", sequence=70, index=16))
    entry = await world.log(asked)
    world.worker.take(entry)
    await until(lambda: world.worker._reached.done >= entry.sequence)
    assert await world.delivered() == [] and world.progress.position < entry.sequence
    await world.take(late, source="lane.1")
    result, fin = await answers(world, 2)
    assert b"<body>late</body>" in result.stanza and b"complete" in fin.stanza


async def test_what_never_comes_is_not_waited_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "BEHIND_SECONDS_MAX", 0.01)
    await world.bind(f"{ALICE}/a")
    asked = world.iq(QUERY, ASK)
    asked.heard.append(Mark(source="lane.1", sequence=70))
    await world.take(asked)
    assert b"complete" in (await world.delivered())[0].stanza


async def test_a_session_that_the_replica_does_not_show_yet_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, tries = world.directory.sync, []

    async def bound() -> None:
        tries.append(True)
        if len(tries) == 1:
            raise Unavailable("the directory's watch lags behind")
        await world.bind(f"{ALICE}/a")
        await sync()

    monkeypatch.setattr(world.directory, "sync", bound)
    await world.take(world.iq(QUERY, ASK))
    assert len(tries) == 2 and b"complete" in (await world.delivered())[0].stanza


async def test_who_has_left_is_owed_nothing(world: World) -> None:
    await world.take(world.iq(QUERY, ASK))
    assert await world.delivered() == []


async def test_a_holder_that_ends_leaves_the_question_to_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.bind(f"{ALICE}/a")
    asking, page = asyncio.Event(), world.archive.page

    async def never(*args: Any, **more: Any) -> Page:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.archive, "page", never)
    entry = await world.log(world.iq(QUERY, ASK))
    world.worker.take(entry)
    async with asyncio.timeout(30):
        await asking.wait()
    await world.close()
    # Nobody may pass it by.
    assert world.progress.position < entry.sequence
    monkeypatch.setattr(world.archive, "page", page)
    await world.open()
    await world.give(entry)
    assert b"complete" in (await world.delivered())[0].stanza


async def test_no_answer_in_time_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_SECONDS_MAX", 0.05)
    await world.bind(f"{ALICE}/a")

    async def never(*args: Any, **more: Any) -> Page:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.archive, "page", never)
    await world.take(world.iq(QUERY, ASK))
    (error,) = await world.delivered()
    assert b"internal-server-error" in error.stanza and b'type="wait"' in error.stanza


async def test_what_breaks_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: Any, **more: Any) -> Page:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.archive, "page", broken)
    await world.bind(f"{ALICE}/a")
    await world.take(world.iq(QUERY, ASK))
    (error,) = await world.delivered()
    assert b"internal-server-error" in error.stanza
