"""Words in messages, on both databases."""

from __future__ import annotations

import pytest
from natter.storage.archive import Archive, Filter, Message
from natter.storage.database import Database
from natter.storage.fulltext import WORDS_MAX, words

ALICE, BOB = "alice@h", "bob@h"
BODIES = {1: "Wherefore art thou, Romeo?", 2: "O Romeo, Romeo!", 3: "Straße nach Köln", 4: None, 5: "romeo"}


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
