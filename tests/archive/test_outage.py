"""A database that is killed in the middle: nothing is lost, nothing is twice. Runs where PostgreSQL is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from archiveworld import ALICE, World, until
from natter.storage.archive import Filter
from natter.storage.database import Database, url_of
from postgres import BACKENDS, Postgres


@pytest.fixture(params=[backend for backend in BACKENDS if backend == "postgresql"])
def own_postgres() -> Iterator[Postgres]:
    """A server of this test's own: it may be killed."""
    server = Postgres()
    server.make()
    server.start()
    yield server
    server.remove()


async def test_exactly_once_over_a_crash_of_the_database(own_postgres: Postgres) -> None:
    database = Database(url_of(own_postgres.database(), Path()))
    await database.open()
    world = World(database)
    await world.start()
    try:
        await world.take(*(world.message(f"before {n}") for n in range(50)))
        own_postgres.stop()
        entries = [await world.log(world.message(f"during {n}")) for n in range(50)]
        for entry in entries:
            world.worker.take(entry)
        await until(lambda: world.worker._reached.failing)
        own_postgres.start()
        await until(lambda: world.progress.position >= entries[-1].sequence, seconds_max=30)
        await world.take(world.message("after"))
        page = await world.archive.page(Filter(ALICE), 200)
        bodies = [m.stanza.decode().partition("<body>")[2].partition("</body>")[0] for m in page.messages]
        assert bodies == [f"before {n}" for n in range(50)] + [f"during {n}" for n in range(50)] + ["after"]
    finally:
        await world.close()
        await database.close()
