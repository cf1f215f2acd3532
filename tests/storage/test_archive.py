"""Rows of archives: batches that may come twice, pages, what waits."""

from __future__ import annotations

import pytest
from natter.storage.archive import Archive, Filter, Message, Waiting
from natter.storage.database import Database

ALICE, BOB, CAROL = "alice@h", "bob@h", "carol@h"


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


def message(number: int, *, owner: str = ALICE, peer: str = BOB, resource: str = "b") -> Message:
    return Message(
        number << 16, owner, f"id-{number}", peer, resource, number * 1000, f"<message id='{number}'/>".encode()
    )


def wait(number: int, *, owner: str = BOB) -> Waiting:
    return Waiting(number << 16, owner, f"id-{number}", number * 1000, True, f"frame {number}".encode())


def numbers(messages: list[Message]) -> list[int]:
    return [message.position >> 16 for message in messages]


async def fill(archive: Archive, count: int = 10) -> None:
    await archive.append("archive.0", count, [message(n) for n in range(1, count + 1)])


async def test_a_batch_that_comes_twice_is_there_once(archive: Archive) -> None:
    await archive.append("archive.0", 2, [message(1), message(2)], [wait(1)])
    await archive.append("archive.0", 3, [message(1), message(2), message(3)], [wait(1), wait(3)])
    assert numbers((await archive.page(Filter(ALICE), 10)).messages) == [1, 2, 3]
    assert await archive.counts() == {BOB: 2}
    assert await archive.sequence("archive.0") == 3
    assert await archive.sequence("archive.1") == 0


async def test_when_a_row_was_written(archive: Archive) -> None:
    await archive.append("archive.0", 1, [message(1)], now_us=5)
    # What is there stays; nobody may have noted when.
    await archive.append("archive.0", 2, [message(1), message(2, owner=BOB)], now_us=7)
    await archive.append("archive.0", 3, [message(3)])
    keys = [(ALICE, "id-1"), (BOB, "id-2"), (ALICE, "id-3"), (ALICE, "id-2"), ("'", "--")]
    assert await archive.written(keys) == {(ALICE, "id-1"): 5, (BOB, "id-2"): 7, (ALICE, "id-3"): 0}


async def test_marks_go_with_the_batch(archive: Archive) -> None:
    await archive.append("archive.0", 1, [], seen={"lane.0": (7, 16), "lane.1": (8, 0)})
    await archive.append("archive.0", 2, [], seen={"lane.0": (9, 0)})
    assert await archive.marks("archive.0") == {"lane.0": (9, 0), "lane.1": (8, 0)}
    assert await archive.marks("archive.1") == {}


async def test_a_message_that_came_back_twice_waits_once(archive: Archive) -> None:
    again = Waiting(9 << 16, BOB, "id-1", 1000, True, b"frame 1")
    await archive.append("archive.0", 9, [], [wait(1), again])
    assert await archive.counts() == {BOB: 1}


async def test_a_message_keeps_everything(archive: Archive) -> None:
    await archive.append("archive.0", 1, [message(1)])
    assert (await archive.page(Filter(ALICE), 1)).messages == [message(1)]


async def test_pages_both_ways(archive: Archive) -> None:
    await fill(archive)
    first = await archive.page(Filter(ALICE), 4)
    assert (numbers(first.messages), first.more) == ([1, 2, 3, 4], True)
    after = await archive.page(Filter(ALICE, after=8 << 16), 4)
    assert (numbers(after.messages), after.more) == ([9, 10], False)
    last = await archive.page(Filter(ALICE), 4, backwards=True)
    assert (numbers(last.messages), last.more) == ([7, 8, 9, 10], True)
    before = await archive.page(Filter(ALICE, before=3 << 16), 4, backwards=True)
    assert (numbers(before.messages), before.more) == ([1, 2], False)
    nothing = await archive.page(Filter(ALICE), 0)
    assert (nothing.messages, nothing.more) == ([], True)


async def test_a_page_is_no_larger_than_it_may_be(archive: Archive) -> None:
    await fill(archive)
    size = len(message(1).stanza)
    first = await archive.page(Filter(ALICE), 9, bytes_max=3 * size)
    assert (numbers(first.messages), first.more) == ([1, 2, 3], True)
    last = await archive.page(Filter(ALICE), 9, backwards=True, bytes_max=3 * size)
    assert (numbers(last.messages), last.more) == ([9, 10], True)
    # One there always is.
    one = await archive.page(Filter(ALICE, after=8 << 16), 9, bytes_max=1)
    assert (numbers(one.messages), one.more) == ([9], True)
    whole = await archive.page(Filter(ALICE, after=8 << 16), 2, bytes_max=2 * size + 1)
    assert (numbers(whole.messages), whole.more) == ([9, 10], False)


async def test_filters(archive: Archive) -> None:
    rows = [message(1), message(2, peer=CAROL), message(3, resource="other"), message(4, owner=BOB, peer=ALICE)]
    await archive.append("archive.0", 4, rows)

    async def found(wanted: Filter) -> list[int]:
        assert await archive.count(wanted) == len((await archive.page(wanted, 10)).messages)
        return numbers((await archive.page(wanted, 10)).messages)

    assert await found(Filter(ALICE, peer=BOB)) == [1, 3]
    assert await found(Filter(ALICE, peer=BOB, resource="b")) == [1]
    assert await found(Filter(ALICE, start_us=2000, end_us=2000)) == [2]
    assert await found(Filter(ALICE, ids=("id-3", "id-1"))) == [1, 3]
    assert await found(Filter(BOB)) == [4]
    # A JID is compared, it is no pattern.
    assert await found(Filter(ALICE, peer="%")) == []


async def test_ids_and_edges(archive: Archive) -> None:
    await fill(archive)
    assert await archive.find(ALICE, ["id-2", "id-99"]) == {"id-2": 2 << 16}
    assert await archive.find(BOB, ["id-2"]) == {}
    edges = await archive.edges(ALICE)
    assert edges is not None and numbers(list(edges)) == [1, 10]
    assert await archive.edges(BOB) is None


async def test_what_waits_is_handed_over_in_batches(archive: Archive) -> None:
    await archive.append("archive.0", 3, [], [wait(1), wait(2), wait(3)])
    first = await archive.hand(BOB, "x", 2)
    assert [w.frame for w in first] == [b"frame 1", b"frame 2"]
    # Whoever comes after a crash finds the same batch under the same name, whatever it calls its own.
    assert await archive.hand(BOB, "y", 5) == first
    await archive.handed(BOB, "x")
    assert [(w.frame, w.handed) for w in await archive.hand(BOB, "y", 5)] == [(b"frame 3", "y")]
    await archive.handed(BOB, "y")
    assert await archive.hand(BOB, "z", 5) == []
    assert await archive.counts() == {}


async def test_the_oldest_are_forgotten_by_age(archive: Archive) -> None:
    await fill(archive)
    assert await archive.forget_before(4_000, 2) == 2
    assert await archive.forget_before(4_000, 2) == 1
    assert await archive.forget_before(4_000, 2) == 0
    assert numbers((await archive.page(Filter(ALICE), 20)).messages) == [4, 5, 6, 7, 8, 9, 10]


async def test_the_oldest_are_forgotten_by_number(archive: Archive) -> None:
    await fill(archive)
    await archive.append("archive.0", 11, [message(11, owner=BOB)])
    over = await archive.overfull(4)
    assert over == {ALICE: 6 << 16}
    assert [await archive.forget_until(ALICE, over[ALICE], 4) for _ in range(3)] == [4, 2, 0]
    assert numbers((await archive.page(Filter(ALICE), 20)).messages) == [7, 8, 9, 10]
    assert await archive.overfull(4) == {}


async def test_an_erased_account_leaves_nothing(archive: Archive) -> None:
    await archive.append("archive.0", 3, [message(1), message(2, owner=BOB)], [wait(1, owner=ALICE), wait(2)])
    assert await archive.erase(ALICE, 5_000) == 1
    assert await archive.edges(ALICE) is None
    assert await archive.counts() == {BOB: 1}
    assert await archive.erase(BOB, 1_999) == 0
    assert await archive.counts() == {BOB: 1}
