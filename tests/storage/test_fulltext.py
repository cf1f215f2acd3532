"""Words in messages, on both databases."""

from __future__ import annotations

import re

import pytest
from natter.storage.archive import Archive, Filter, Message
from natter.storage.database import Database
from natter.storage.fulltext import WORDS_MAX, matches, words
from natter.storage.tables import messages
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import asyncpg

ALICE, BOB = "alice@h", "bob@h"
BODIES = {1: "Wherefore art thou, Romeo?", 2: "O Romeo, Romeo!", 3: "Straße nach Köln", 4: None, 5: "romeo"}
# What a parser may take for one thing: addresses, paths, numbers, tags.
WHOLE = {
    10: "see https://www.example.com/way/to?page=7#top",
    11: "mail to friar.laurence@verona.it",
    12: "/etc/verona.conf -42 3.14 v1.2.3-rc1",
    13: "<b>poison</b> &amp; dagger_of_juliet it's",
}


@pytest.fixture
async def archive(database: Database) -> Archive:
    made = Archive(database)
    rows = [Message(n << 16, ALICE, f"i{n}", BOB, "", n, b"<message/>", body) for n, body in BODIES.items()]
    rows.append(Message(9 << 16, BOB, "i9", ALICE, "", 9, b"<message/>", "Romeo and alice@h"))
    await made.append("archive.0", 9, rows)
    return made


async def found(archive: Archive, question: str, owner: str = ALICE) -> list[int]:
    page = await archive.page(Filter(owner, words=words(question)), 10)
    return [message.position >> 16 for message in page.messages]


async def test_all_words_in_any_order_and_case(archive: Archive) -> None:
    assert await found(archive, "romeo") == [1, 2, 5]
    assert await found(archive, "ROMEO, wherefore?") == [1]
    assert await found(archive, "köln") == [3]
    assert await found(archive, "juliet") == []


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("example", 10),
        ("www.example.com", 10),
        ("https://www.example.com/way", 10),
        ("page 7", 10),
        ("laurence", 11),
        ("friar.laurence@verona.it", 11),
        ("etc conf", 12),
        ("42", 12),
        ("14", 12),
        ("rc1", 12),
        ("poison", 13),
        ("dagger juliet", 13),
        ("dagger_of_juliet", 13),
        ("it's", 13),
    ],
)
async def test_every_word_is_one(archive: Archive, question: str, number: int) -> None:
    rows = [Message(n << 16, ALICE, f"i{n}", BOB, "", n, b"<message/>", body) for n, body in WHOLE.items()]
    await archive.append("archive.0", 20, rows)
    assert await found(archive, question) == [number]


async def test_nothing_but_signs(archive: Archive) -> None:
    assert words("_ __ ?!") == ()


async def test_the_index_is_used(database: Database, archive: Archive) -> None:
    """Where it is not, a question reads a whole archive."""
    if database.sqlite:
        return
    async with database.reading() as connection:
        await connection.execute(text("SET enable_seqscan = off"))
        statement = select(messages.c.id).where(matches(ALICE, ("romeo",), sqlite=False))
        question = statement.compile(dialect=asyncpg.dialect(paramstyle="named"))
        cast = re.sub(r":(\w+)::(\w+)", r"CAST(:\1 AS \2)", str(question))
        told = [row[0] for row in await connection.execute(text(f"EXPLAIN {cast}"), question.params)]
    assert any("messages_by_words" in line for line in told), told


async def test_nobody_elses(archive: Archive) -> None:
    assert await found(archive, "romeo", BOB) == [9]
    assert await found(archive, "alice", ALICE) == []


@pytest.mark.parametrize(
    "question", ['"romeo', "romeo*", "romeo OR juliet NOT x", "body : romeo", "romeo'); DROP TABLE"]
)
async def test_nothing_is_an_operator(archive: Archive, question: str) -> None:
    assert set(await found(archive, question)) <= {1, 2, 5}


async def test_what_is_forgotten_is_not_found(archive: Archive) -> None:
    await archive.erase(ALICE, 2)
    assert await found(archive, "romeo") == [5]


async def test_where_nobody_searches_nothing_is_indexed(database: Database) -> None:
    archive = Archive(database)
    for search, position in ((False, 1), (True, 2), (True, 3), (False, 4)):
        await database.open(search=search)
        await archive.append("archive.0", position, [Message(position, ALICE, f"{position}", BOB, "", 1, b"", "romeo")])
    # PostgreSQL's index has every body that there is; without search there is none.
    assert await found(archive, "romeo") == ([0, 0] if database.sqlite else [0, 0, 0, 0])


def test_words() -> None:
    assert words(" a-b, ü! ") == ("a", "b", "ü")
    assert words("!?") == ()
    assert len(words("x " * 100)) == WORDS_MAX
