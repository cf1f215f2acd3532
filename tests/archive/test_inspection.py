"""A check of the rows while the shard works: what was planted is found, told and put right."""

from __future__ import annotations

import pytest
from archiveworld import ALICE, BOB, FIRST_US, World
from natter.archive import inspection
from natter.archive.inspection import Inspection
from natter.proto.v1.archive_pb2 import CheckReply, CheckRequest
from natter.storage.archive import Filter, Message
from natter.xmpp.xeps.mam_preferences import Preferences
from sqlalchemy import text

NOW_US = FIRST_US + 86_400_000_000


def made(world: World) -> Inspection:
    tools = world.tools
    return Inspection(
        world.bus,
        world.archive,
        tools.accounts,
        tools.wishes,
        tools.settings,
        tools.deciding,
        shards=1,
        now_us=lambda: NOW_US,
    )


@pytest.fixture
def inspector(world: World) -> Inspection:
    return made(world)


async def check(inspector: Inspection, *, repair: bool = False) -> list[tuple[str, str, str]]:
    """Everything that differs."""
    found, after, more = [], 0, True
    while more:
        request = CheckRequest(after=after, repair=repair)
        reply = CheckReply.FromString(await inspector.check(request.SerializeToString()))
        assert not reply.error and reply.differing == len(reply.differences)
        assert reply.repaired == (reply.differing if repair else 0)
        found += [(d.what, d.owner, d.id) for d in reply.differences]
        after, more = reply.until, reply.more
    return found


async def run(world: World, statement: str) -> None:
    async with world.database.writing() as connection:
        await connection.execute(text(statement))


async def test_planted_differences_are_found_and_put_right(
    world: World, inspector: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "ENTRIES_MAX", 2)
    for n in range(5):
        await world.take(world.message(f"{n}"))
    before = await world.archive.page(Filter(ALICE), 100)
    assert await check(inspector) == []
    await run(world, f"DELETE FROM messages WHERE owner = '{ALICE}' AND id = 'id-1'")
    await run(world, f"UPDATE messages SET peer = 'mallory@h' WHERE owner = '{ALICE}' AND id = 'id-3'")
    planted = Message((4 << 16) + 9, BOB, "planted", ALICE, "", FIRST_US, b"<message/>")
    await world.archive.append("other", 1, [planted])
    differing = [("missing", ALICE, "id-1"), ("changed", ALICE, "id-3"), ("surplus", BOB, "planted")]
    assert await check(inspector) == differing
    assert await check(inspector, repair=True) == differing
    assert await check(inspector) == []
    assert await world.archive.page(Filter(ALICE), 100) == before
    # The shard goes on.
    await world.take(world.message("after"))
    assert await check(inspector) == []


async def test_what_the_database_has_not_got_to_yet_is_left_alone(world: World, inspector: Inspection) -> None:
    await world.take(world.message("1"))
    await world.log(world.message("2"))
    assert await check(inspector) == []


async def test_what_may_be_missing(world: World, inspector: Inspection) -> None:
    await world.take(world.message("1"), world.message("2", to="nobody@localhost"))
    # No such account; what the owner did not want; what was erased with an account before this one.
    await run(world, "DELETE FROM messages WHERE owner = 'nobody@localhost'")
    assert await check(inspector) == []
    await run(world, f"DELETE FROM messages WHERE owner = '{ALICE}'")
    assert len(await check(inspector)) == 2
    await world.tools.wishes.change(ALICE, Preferences("never", frozenset(), frozenset()))
    assert await check(inspector) == []


async def test_what_was_forgotten_because_of_its_age(world: World) -> None:
    world.settings.days = 0.5
    await world.take(world.message("1"))
    await run(world, "DELETE FROM messages")
    assert await check(made(world)) == []


async def test_a_request_that_is_none_and_a_bus_that_is_away(world: World, inspector: Inspection) -> None:
    assert CheckReply.FromString(await inspector.check(b"\xff")).error
    await world.database.close()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(world.archive, "sequence", _away)
    assert "away" in CheckReply.FromString(await inspector.check(b"")).error
    monkey.undo()


async def _away(shard: str) -> int:
    from natter.storage.database import DatabaseError

    raise DatabaseError("away")
