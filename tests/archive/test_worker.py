"""A shard at work: exactly once, questions behind what was said, a database that is away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from archiveworld import ALICE, BOB, LOG, World, until
from natter.bus.api import Entry
from natter.proto.v1.bus_pb2 import Frame
from natter.storage import tables
from natter.storage.archive import Filter
from natter.storage.database import DatabaseError, Refused
from sqlalchemy import delete

QUERY = "{urn:xmpp:mam:2}query"
ASK = "<query xmlns='urn:xmpp:mam:2'/>"


async def bodies(world: World, owner: str = ALICE) -> list[str]:
    page = await world.archive.page(Filter(owner), 100)
    return [m.stanza.decode().partition("<body>")[2].partition("</body>")[0] for m in page.messages]


async def test_both_archives_have_it_in_order(world: World) -> None:
    await world.take(world.message("1"), world.message("2"))
    await world.take(world.message("3"))
    assert await bodies(world) == ["1", "2", "3"] == await bodies(world, BOB)


async def test_a_router_that_repeats_itself_is_not_heard_twice(world: World) -> None:
    first, second = world.message("1"), world.message("2")
    await world.take(first)
    await world.take(first, second)
    assert await bodies(world) == ["1", "2"]


async def test_the_next_holder_goes_on_where_the_database_is(world: World) -> None:
    first, second = world.message("1"), world.message("2")
    one = await world.log(first)
    two = await world.log(first, second)
    await world.give(one)
    await world.close()
    await world.open()
    assert world.worker.knows_until == one.sequence
    # Whatever the bus thinks has been done, it comes again, and is there once.
    await world.give(one, two)
    assert await bodies(world) == ["1", "2"]


async def test_a_question_is_answered_behind_what_was_said_before_it(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    await world.take(world.message("1"), world.iq(QUERY, ASK))
    result, fin = await world.delivered()
    assert b"<body>1</body>" in result.stanza and b'complete="true"' in fin.stanza
    assert list(result.sessions) == [f"s:{ALICE}/a"]


async def test_who_asked_and_left_is_owed_nothing(world: World) -> None:
    await world.take(world.iq(QUERY, ASK))
    assert await world.delivered() == []


async def test_nobody_of_that_name(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    await world.take(world.message("hello", to="nobody@localhost", offline="nobody@localhost"))
    (error,) = await world.delivered()
    assert (error.type, error.sender) == ("error", "nobody@localhost")
    assert b"service-unavailable" in error.stanza
    assert await world.archive.counts() == {} and await bodies(world, "nobody@localhost") == []


async def test_no_more_than_may_wait(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    for n in range(world.settings.offline_max + 1):
        await world.take(world.message(str(n), offline=BOB))
    (error,) = await world.delivered()
    assert b"service-unavailable" in error.stanza
    assert await world.archive.counts() == {BOB: world.settings.offline_max}
    assert await bodies(world, BOB) == ["0", "1", "2"]


async def test_poison(world: World) -> None:
    await world.give(Entry(LOG, await world.bus.publish(LOG, b"\xff\xff"), b"\xff\xff"))
    await world.take(world.message("after"))
    assert await bodies(world) == ["after"]


class Failing:
    """The archive, with a database that fails for a while."""

    def __init__(self, world: World, error: Exception) -> None:
        self.real = world.archive.append
        self.error: Exception | None = error
        self.calls = 0
        world.archive.append = self  # type: ignore[method-assign]

    async def __call__(self, *args: Any, **more: Any) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        await self.real(*args, **more)


async def test_while_the_database_is_away_nothing_is_lost_and_nobody_waits_for_an_answer(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    failing = Failing(world, DatabaseError("away"))
    entries = [await world.log(world.message("1"), world.iq(QUERY, ASK))]
    world.worker.take(entries[0])
    await until(lambda: failing.calls)
    entries += [await world.log(world.message("2"), world.iq(QUERY, ASK))]
    world.worker.take(entries[1])
    answers: list[Frame] = []
    while len(answers) < 2:
        await asyncio.sleep(0.01)
        answers = await world.delivered()
    assert all(b"type='error'" in a.stanza and b'type="wait"' in a.stanza for a in answers)
    assert world.progress.position == 0
    failing.error = None
    await until(lambda: world.progress.position >= entries[1].sequence)
    assert await bodies(world) == ["1", "2"]


async def test_a_row_that_the_database_refuses_does_not_stop_the_others(world: World) -> None:
    real = world.archive.append

    async def append(shard: str, sequence: int, kept: Any, *more: Any) -> None:
        if any(b"poison" in m.stanza for m in kept):
            raise Refused("no")
        await real(shard, sequence, kept, *more)

    world.archive.append = append  # type: ignore[method-assign]
    await world.take(world.message("1"), world.message("poison"), world.message("2"))
    assert await bodies(world) == ["1", "2"]


async def test_the_sender_of_what_can_never_wait_is_told(world: World) -> None:
    real = world.archive.append

    async def append(shard: str, sequence: int, kept: Any, late: Any = (), *more: Any) -> None:
        if any(b"poison" in waiting.frame for waiting in late):
            raise Refused("no")
        await real(shard, sequence, kept, late, *more)

    world.archive.append = append  # type: ignore[method-assign]
    await world.bind(f"{ALICE}/a")
    await world.take(world.message("poison", offline=BOB), world.message("fine", offline=BOB))
    [error] = await world.delivered()
    assert error.type == "error" and b"internal-server-error" in error.stanza
    await world.bind(f"{BOB}/b")
    await until(lambda: not world.handover.counts)
    waited = (await world.delivered())[1:]
    assert [b"fine" in frame.stanza for frame in waited] == [True]


async def test_it_is_full_when_much_waits(world: World) -> None:
    @asynccontextmanager
    async def away() -> Any:
        raise DatabaseError("away")
        yield

    world.database.writing = away  # type: ignore[method-assign]
    assert not world.worker.full()
    entry = await world.log(*(world.message(str(n)) for n in range(world.settings.rows_waiting_max)))
    world.worker.take(entry)
    assert world.worker.full()


async def test_what_was_answered_is_not_answered_again_when_rows_are_made_again(world: World) -> None:
    """A database that was lost is filled from the log, in which there are questions, too."""
    await world.bind(f"{ALICE}/a")
    said = await world.log(world.message("1"))
    asked = await world.log(world.iq(QUERY, ASK))
    await world.give(said, asked)
    answered = len(await world.delivered())
    await world.close()
    async with world.database.writing() as connection:
        for table in (tables.messages, tables.marks, tables.positions):
            await connection.execute(delete(table))
    world.position = asked.sequence
    await world.open()
    later = await world.log(world.iq(QUERY, ASK))
    await world.give(said, asked, later)
    again = (await world.delivered())[answered:]
    assert [frame.type for frame in again] == ["", "result"] and b"<body>1</body>" in again[0].stanza
