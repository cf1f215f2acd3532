"""An archive shard on a bus in memory and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from archiveworld import World
from natter.storage.database import Database, url_of


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    """Empty, SQLite or PostgreSQL."""
    made = Database(url_of(database_url, tmp_path))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A shard at work."""
    made = World(database, offline_max=3, page_max=5)
    await made.start()
    yield made
    await made.close()
