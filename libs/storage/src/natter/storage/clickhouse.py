"""ClickHouse, embedded (chDB) or a server: one code path, one thread, as the engine blocks and is one per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from .migrations import migrate
from .native import Block

T = TypeVar("T")

DATABASE = "natter"
# The embedded engine's directory below the data folder. It belongs to one process at a time.
FOLDER = "chdb"
CALL_SECONDS_MAX = 60.0

INSERT_SETTINGS = {
    "insert_deduplicate": 1,
    # A token that was seen is skipped by the table and by the targets of its views alike.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
    # What stands twice in one block goes at a merge; looking for it now costs a third of an insert.
    "optimize_on_insert": 0,
    "wait_end_of_query": 1,
}
# Batches are small: more threads cost more than they save, and so does compiling what is done for the fourth time,
# which brings in 20 MB of LLVM besides.
QUERY_SETTINGS = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}


class StorageError(Exception):
    """ClickHouse did not do it: away, full, or it does not understand. The same insert may be tried again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where ClickHouse is: a server's URL, or "" and the data folder for the embedded engine."""

    url: str = ""
    data: Path | None = None


class ClickHouse:
    """Asynchronous access. At most one call runs at a time; what is called meanwhile waits its turn."""

    def __init__(self, client: Client, thread: ThreadPoolExecutor) -> None:
        self._client = client
        self._thread = thread

    @classmethod
    async def open(cls, place: Place) -> ClickHouse:
        """Connect and migrate. Raises StorageError."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="clickhouse")
        try:
            return cls(await call(thread, lambda: connect(place)), thread)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    async def insert(self, table: str, block: Block, *, token: str) -> None:
        """Write a block. The same `token` again writes nothing. Raises StorageError."""
        await call(
            self._thread,
            lambda: self._client.raw_insert(
                table,
                block.names,
                block.payload,
                settings={**INSERT_SETTINGS, "insert_deduplication_token": token},
                fmt="Native",
            ),
        )

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query; parameters stand in it as {name:Type}. Raises StorageError."""
        return await call(self._thread, lambda: rows_of(self._client, sql, parameters))

    async def close(self) -> None:
        """Let the engine go, so that another process may open its directory."""
        await call(self._thread, self._client.close)
        self._thread.shutdown(wait=False)


async def call(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """`work` on the engine's thread."""
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    except (ClickHouseError, OSError) as error:
        # The first line names the fault; what follows may quote the query with its data.
        raise StorageError(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}") from error


def connect(place: Place) -> Client:
    """A client whose tables are there. Blocks."""
    client = client_of(place)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        client.database = DATABASE
        migrate(client)
    except BaseException:
        client.close()
        raise
    return client


def client_of(place: Place) -> Client:
    """An open client, tables or not."""
    if place.url:
        return clickhouse_connect.get_client(
            dsn=place.url,
            settings=QUERY_SETTINGS,
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=int(CALL_SECONDS_MAX),
        )
    if place.data is None:
        raise ValueError("neither a URL nor a folder")
    folder = place.data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return clickhouse_connect.get_client(interface="chdb", path=str(folder), settings=QUERY_SETTINGS)


def rows_of(client: Client, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """A query's rows. Blocks."""
    result = client.query(sql, parameters=dict(parameters or {}))
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def dump(data: Path) -> list[dict[str, Any]]:
    """One row per stanza and recipient, oldest first. For tests: the metrics process of `data` must have ended."""
    client = connect(Place(data=data))
    try:
        return rows_of(client, "SELECT * FROM stanza_rows ORDER BY time, instance, sequence")
    finally:
        client.close()
