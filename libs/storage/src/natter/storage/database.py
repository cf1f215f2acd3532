"""One SQL database, SQLite in a folder or PostgreSQL by URL: connections, transactions, the tables as they must be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Integer, MetaData, Table, Text, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from . import fulltext, tables

FOLDER: Final = "archive"
FILE: Final = "archive.db"
CONNECTIONS_MAX: Final = 8
CONNECT_SECONDS_MAX: Final = 5.0
CALL_SECONDS_MAX: Final = 30.0
BUSY_SECONDS_MAX: Final = 10
PAGES_CACHED_KIB: Final = 16 << 10

_migrations: Final = Table(
    "migrations",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)


class DatabaseError(Exception):
    """The database did not do it: away, full, locked. The same may be tried again. Its text never quotes values."""


class Refused(DatabaseError):
    """The database does not take these rows, now or later."""


async def _tables(connection: AsyncConnection) -> None:
    await connection.run_sync(tables.metadata.create_all)


async def _written(connection: AsyncConnection) -> None:
    columns = await connection.run_sync(lambda sync: {c["name"] for c in inspect(sync).get_columns("messages")})
    if "written_us" not in columns:
        await connection.execute(text("ALTER TABLE messages ADD COLUMN written_us BIGINT"))


# In order, each once, each safe to repeat after a crash. Never changed, only followed by others.
MIGRATIONS: Final[tuple[tuple[int, str, Callable[[AsyncConnection], Awaitable[None]]], ...]] = (
    (1, "tables", _tables),
    (2, "fulltext", fulltext.migrate),
    (3, "written", _written),
    (4, "words", fulltext.split),
)


def url_of(url: str, data: Path) -> URL:
    """The database that the settings mean. ValueError for a URL that is none of PostgreSQL."""
    if not url:
        return URL.create("sqlite+aiosqlite", database=str(data / FOLDER / FILE))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("archive.url is not postgresql://USER:PASSWORD@HOST/DATABASE") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError("archive.url must name PostgreSQL; leave it empty for SQLite in the data folder")
    return parsed.set(drivername="postgresql+asyncpg")


class Database:
    """Transactions. One that writes waits for the one before: SQLite has one writer, and batches do not gain by two."""

    def __init__(self, url: URL) -> None:
        self.sqlite = url.get_backend_name() == "sqlite"
        self._url = url
        self._engine = _engine(url, sqlite=self.sqlite)
        self._writing = asyncio.Lock()

    async def open(self, *, search: bool = True) -> list[str]:
        """Bring the tables to what this version wants; names of what was done. Raises `DatabaseError`.

        `search`: whether words of messages that are written from now on are to be found.
        """
        if self.sqlite and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        async with self.writing() as connection:
            await connection.run_sync(_migrations.create, checkfirst=True)
            done = set((await connection.execute(select(_migrations.c.number))).scalars())
            applied = []
            for number, name, migrate in MIGRATIONS:
                if number not in done:
                    await migrate(connection)
                    await connection.execute(insert(_migrations).values(number=number, name=name))
                    applied.append(name)
            await fulltext.watch(connection, wanted=search)
        return applied

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; all of it or nothing. Raises `DatabaseError`."""
        async with self._writing:
            try:
                async with asyncio.timeout(CALL_SECONDS_MAX), self._engine.begin() as connection:
                    yield connection
            except (DataError, IntegrityError) as error:
                raise Refused(_reason(error)) from None
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                raise DatabaseError(_reason(error)) from None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads. Raises `DatabaseError`."""
        try:
            async with asyncio.timeout(CALL_SECONDS_MAX), self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise DatabaseError(_reason(error)) from None

    async def close(self) -> None:
        """Let all connections go."""
        await self._engine.dispose()


def _engine(url: URL, *, sqlite: bool) -> AsyncEngine:
    if not sqlite:
        # Values are content: they stay out of errors.
        return create_async_engine(
            url,
            pool_size=CONNECTIONS_MAX,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"timeout": CONNECT_SECONDS_MAX, "command_timeout": CALL_SECONDS_MAX},
        )
    engine = create_async_engine(
        url,
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS_MAX},
    )
    event.listen(engine.sync_engine, "connect", _tune)
    return engine


def _tune(connection: Any, record: object) -> None:
    """Per connection. What a crash of the machine takes from a write-ahead log, the archive's log brings again."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"cache_size=-{PAGES_CACHED_KIB}",
        "temp_store=MEMORY",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _reason(error: BaseException) -> str:
    """What went wrong. Without statement and values; of the driver's words only the first line."""
    origin = getattr(error, "orig", None) or error
    return f"{type(origin).__name__}: {str(origin).partition(chr(10))[0][:200]}"
