"""An embedded ClickHouse of its own for every test (the first takes a second, further ones a tenth), and a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from natter.storage.clickhouse import ClickHouse, Place
from natter.storage.database import Database, url_of


@pytest.fixture
async def clickhouse(tmp_path: Path) -> AsyncIterator[ClickHouse]:
    """Open and migrated, without rows."""
    opened = await ClickHouse.open(Place(data=tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    """An empty database, SQLite or PostgreSQL, with its tables."""
    made = Database(url_of(database_url, tmp_path))
    await made.open()
    yield made
    await made.close()
