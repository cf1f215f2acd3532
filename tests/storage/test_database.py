"""A database: migrations, transactions, and what errors say."""

from __future__ import annotations

from pathlib import Path

import pytest
from natter.storage.database import MIGRATIONS, Database, DatabaseError, url_of
from natter.storage.tables import positions
from sqlalchemy import insert, select, text


async def test_migrations_are_applied_once(database: Database, tmp_path: Path) -> None:
    assert await database.open() == []
    async with database.reading() as connection:
        done = await connection.execute(text("SELECT number, name FROM migrations ORDER BY number"))
        assert [tuple(row) for row in done] == [(number, name) for number, name, _ in MIGRATIONS]


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(DatabaseError):
        async with database.writing() as connection:
            await connection.execute(insert(positions).values(shard="archive.0", sequence=1))
            await connection.execute(insert(positions).values(shard="archive.0", sequence=2))
    async with database.reading() as connection:
        assert (await connection.execute(select(positions))).all() == []


async def test_errors_do_not_quote_values(database: Database) -> None:
    with pytest.raises(DatabaseError) as raised:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO nowhere (stanza) VALUES (:stanza)"), {"stanza": "CANARY" * 100})
    assert "CANARY" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_a_database_that_is_away_is_an_error() -> None:
    away = Database(url_of("postgresql://nobody@127.0.0.1:1/none", Path()))
    with pytest.raises(DatabaseError):
        await away.open()
    await away.close()


def test_urls(tmp_path: Path) -> None:
    assert url_of("", tmp_path).database == str(tmp_path / "archive" / "archive.db")
    assert url_of("postgresql://u:p@h/d", tmp_path).drivername == "postgresql+asyncpg"
    for wrong in ("mysql://h/d", "no url"):
        with pytest.raises(ValueError, match=r"archive\.url"):
            url_of(wrong, tmp_path)
