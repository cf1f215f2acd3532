"""The accounts of a system, on both buses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from natter.accounts import book as book_module
from natter.accounts.account.decide import Refused
from natter.accounts.account.state import Cause
from natter.accounts.book import Book, WrongUsername
from natter.accounts.keys import Deriver, scram_keys
from natter.accounts.removals import Teller
from natter.bus.api import Bus, Unavailable
from natter.bus.removal import AccountNews
from natter.bus.subjects import JOURNALS, SHARDS
from natter.proto.v1 import bus_pb2
from natter.xmpp.sasl.keys import PasswordError

PASSWORD = "canary-pencil-8d1f"


@pytest.fixture
def deriver() -> Iterator[Deriver]:
    made = Deriver(iterations=4096, threads=1, waiting_max=64)
    yield made
    made.close()


def book_on(bus: Bus, deriver: Deriver) -> Book:
    return Book(
        bus,
        deriver,
        secret=b"s" * 32,
        iterations=4096,
        now_us=lambda: 1_700_000_000_000_000,
        tell=Teller(bus, domain="natter.test", user_shards=2).tell,
    )


async def password_is(book: Book, username: str, password: str) -> bool:
    exists, keys, _ = await book.credentials(username)
    return exists and all(scram_keys(password, k.mechanism, k.salt, k.iterations) == k for k in keys)


async def test_a_life(bus: Bus, deriver: Deriver) -> None:
    book = book_on(bus, deriver)
    await book.register("alice", PASSWORD, by="cli")
    assert await password_is(book, "alice", PASSWORD)
    await book.change_password("Alice", "second", by="cli")
    assert await password_is(book, "alice", "second") and not await password_is(book, "alice", PASSWORD)
    await book.remove("alice", by="cli")
    assert (await book.credentials("alice"))[0] is False
    await book.register("alice", "third", by="cli")
    assert await password_is(book, "alice", "third")
    for entry in await bus.read(JOURNALS, "natter.journal.>"):
        assert PASSWORD.encode() not in entry.payload


async def test_nobody_looks_like_somebody(bus: Bus, deriver: Deriver) -> None:
    book = book_on(bus, deriver)
    exists, keys, _ = await book.credentials("nobody")
    assert not exists and [k.mechanism for k in keys] == ["SCRAM-SHA-1", "SCRAM-SHA-256"]
    assert (await book_on(bus, deriver).credentials("nobody"))[1] == keys
    assert not (await book.credentials("no body@"))[0]


async def test_refusals(bus: Bus, deriver: Deriver) -> None:
    book = book_on(bus, deriver)
    await book.register("alice", "one", by="cli")
    with pytest.raises(Refused, match="conflict"):
        await book.register("ALICE", "two", by="cli")
    with pytest.raises(Refused, match="not-found"):
        await book.change_password("bob", "two", by="cli")
    with pytest.raises(Refused, match="not-found"):
        await book.remove("bob", by="cli")
    for name in ("", "a b", "a@b", "a/b"):
        with pytest.raises(WrongUsername):
            await book.register(name, "two", by="cli")
    with pytest.raises(PasswordError):
        await book.register("carol", "", by="cli")
    assert await password_is(book, "alice", "one")


async def test_of_many_who_want_one_name_one_gets_it(bus: Bus, deriver: Deriver) -> None:
    books = [book_on(bus, deriver) for _ in range(4)]
    results = await asyncio.gather(
        *(b.register("alice", f"password {i}", by="cli") for i, b in enumerate(books)), return_exceptions=True
    )
    winners = [i for i, r in enumerate(results) if r is None]
    assert len(winners) == 1 and all(isinstance(r, Refused) for r in results if r is not None)
    assert await password_is(books[0], "alice", f"password {winners[0]}")


async def test_a_stanza_repeated_late_does_not_bring_an_old_password_back(bus: Bus, deriver: Deriver) -> None:
    book, cause = book_on(bus, deriver), Cause("lane.1", 4, 0)
    await book.register("alice", "one", by="cli")
    await book.change_password("alice", "two", by="alice@x/r", cause=cause)
    await book.change_password("alice", "three", by="cli")
    await book.change_password("alice", "two", by="alice@x/r", cause=cause)
    assert await password_is(book, "alice", "three")


async def test_names_come_in_pages(bus: Bus, deriver: Deriver, monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_on(bus, deriver)
    for name in ("dora", "alice", "carol", "bob"):
        await book.register(name, "x", by="cli")
    await book.remove("carol", by="cli")
    assert await book.names(after="", names_max=10) == (["alice", "bob", "dora"], 0)
    assert await book.names(after="", names_max=2) == (["alice", "bob"], 1)
    assert await book.names(after="bob", names_max=2) == (["dora"], 0)
    monkeypatch.setattr(book_module, "LIST_BYTES_MAX", 10)
    assert await book.names(after="", names_max=10) == (["alice"], 2)


async def told(bus: Bus) -> list[tuple[int, str]]:
    """What user shards were told, and the place of the last registration before, in order of JOURNALS."""
    found = []
    for entry in await bus.read(SHARDS, "natter.shard.user.*"):
        for frame in bus_pb2.Envelope.FromString(entry.payload).frames:
            found.append((frame.sequence, frame.to))
    return found


async def test_a_name_is_taken_again_only_after_the_shard_has_heard(bus: Bus, deriver: Deriver) -> None:
    book = book_on(bus, deriver)
    await book.register("alice", "one", by="cli")
    assert await told(bus) == []
    await book.remove("alice", by="cli")
    removal = await bus.last_sequence(JOURNALS)
    await book.register("alice", "two", by="cli")
    assert await told(bus) == [(removal, "alice@natter.test")]
    assert (await book.credentials("alice"))[2] == await bus.last_sequence(JOURNALS) > removal


async def test_a_name_is_not_taken_while_the_shard_cannot_hear(bus: Bus, deriver: Deriver) -> None:
    book = book_on(bus, deriver)
    await book.register("alice", "one", by="cli")
    await book.remove("alice", by="cli")

    async def tell(news: AccountNews) -> None:
        raise Unavailable("no")

    deaf = Book(bus, deriver, secret=b"s" * 32, iterations=4096, now_us=lambda: 5, tell=tell)
    with pytest.raises(Unavailable):
        await deaf.register("alice", "two", by="cli")
    assert (await book.credentials("alice"))[0] is False


async def test_a_removal_between_telling_and_registering_is_told_too(bus: Bus, deriver: Deriver) -> None:
    times = iter(range(1, 100))
    tell = Teller(bus, domain="natter.test", user_shards=2).tell
    other = Book(bus, deriver, secret=b"s" * 32, iterations=4096, now_us=lambda: next(times), tell=tell)
    await other.register("alice", "one", by="cli")
    await other.remove("alice", by="cli")
    heard = []

    async def slowly(news: AccountNews) -> None:
        await tell(news)
        heard.append(news.revision)
        if len(heard) == 1:
            await other.register("alice", "two", by="cli")
            await other.remove("alice", by="cli")

    book = Book(bus, deriver, secret=b"s" * 32, iterations=4096, now_us=lambda: next(times), tell=slowly)
    await book.register("alice", "three", by="cli")
    assert len(heard) == 2
    assert [revision for revision, _ in await told(bus)] == heard
    assert await password_is(book, "alice", "three")
