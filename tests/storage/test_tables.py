"""The tables as the databases make them."""

from __future__ import annotations

from natter.storage import tables
from natter.storage.database import Database
from sqlalchemy import inspect


async def test_all_tables_and_indexes_are_there(database: Database) -> None:
    async with database.reading() as connection:
        names = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        indexes = await connection.run_sync(lambda sync: {i["name"] for i in inspect(sync).get_indexes("messages")})
    assert set(tables.metadata.tables) <= names
    assert {"messages_by_owner", "messages_by_id", "messages_by_peer", "messages_by_time"} <= indexes
