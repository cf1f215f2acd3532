"""Words of archived messages, to be searched for: FTS5 in SQLite, a GIN index in PostgreSQL."""

from __future__ import annotations

import re
import string
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, inspect, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import messages

# Words of one question; more are left out.
WORDS_MAX: Final = 32
# As FTS5 takes them apart, too.
_WORD: Final = re.compile(r"[^\W_]+")

_WORDS_IN: Final = (
    "CREATE TRIGGER IF NOT EXISTS words_in AFTER INSERT ON messages WHEN new.body IS NOT NULL BEGIN "
    "INSERT INTO messages_words(rowid, owner, body) VALUES (new.position, new.owner, new.body); END"
)
_NO_WORDS_IN: Final = "DROP TRIGGER IF EXISTS words_in"
_SQLITE: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS messages_words USING fts5("
    "owner, body, content='messages', content_rowid='position', tokenize='unicode61')",
    _WORDS_IN,
    "CREATE TRIGGER IF NOT EXISTS words_out AFTER DELETE ON messages WHEN old.body IS NOT NULL BEGIN "
    "INSERT INTO messages_words(messages_words, rowid, owner, body) "
    "VALUES ('delete', old.position, old.owner, old.body); END",
)
_POSTGRESQL: Final = (
    "CREATE INDEX IF NOT EXISTS messages_by_words ON messages USING gin (to_tsvector('simple', body))",
)
# PostgreSQL's parser keeps addresses, paths, numbers and tags in one piece, and so nobody finds a word of them.
_PUNCTUATION: Final = string.punctuation.replace("'", "''")
_APART: Final = f"to_tsvector('simple', translate(body, '{_PUNCTUATION}', '{' ' * len(string.punctuation)}'))"


async def migrate(connection: AsyncConnection) -> None:
    """Make the index. Messages that are there already are not found."""
    columns = await connection.run_sync(lambda sync: {c["name"] for c in inspect(sync).get_columns("messages")})
    if "body" not in columns:
        await connection.execute(text("ALTER TABLE messages ADD COLUMN body TEXT"))
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        await connection.execute(text(statement))


async def split(connection: AsyncConnection) -> None:
    """PostgreSQL: make the index anew, of single words."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("DROP INDEX IF EXISTS messages_by_words")
        await connection.exec_driver_sql(f"CREATE INDEX messages_by_words ON messages USING gin ({_APART})")


async def watch(connection: AsyncConnection, *, wanted: bool) -> None:
    """Whether words of new messages are found. In SQLite a trigger doubles what a row costs, also without a word."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text(_WORDS_IN if wanted else _NO_WORDS_IN))


def words(question: str) -> tuple[str, ...]:
    """What is looked for. Nothing in a question is an operator."""
    return tuple(_WORD.findall(question)[:WORDS_MAX])


def matches(owner: str, wanted: tuple[str, ...], *, sqlite: bool) -> ColumnElement[bool]:
    """Messages of an archive that have all these words."""
    if not sqlite:
        # XEP-0431 §4: a reasonable search: all words, in any order.
        query = func.plainto_tsquery("simple", " ".join(wanted))
        return literal_column(_APART.replace("body", "messages.body", 1)).op("@@")(query)
    question = f'owner : "{" ".join(words(owner))}"' + "".join(f' AND body : "{word}"' for word in wanted)
    index: ColumnElement[Any] = literal_column("messages_words")
    found: Select[Any] = (
        select(literal_column("rowid"))
        .select_from(text("messages_words"))
        .where(index.op("MATCH")(bindparam(None, question)))
    )
    return messages.c.position.in_(found)
