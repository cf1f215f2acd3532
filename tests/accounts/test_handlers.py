"""Requests between bytes and bytes: there is always an answer, and no password in a log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from natter.accounts.book import Book
from natter.accounts.handlers import handlers
from natter.accounts.keys import Deriver
from natter.accounts.removals import Teller
from natter.bus.api import Bus, Handler
from natter.bus.memory import MemoryBus
from natter.proto.v1.accounts_pb2 import AccountReply, AccountRequest

CANARY = "canary-password-77ab"
Ask = dict[str, Handler]


@pytest.fixture
async def ask(bus: Bus) -> AsyncIterator[Ask]:
    deriver = Deriver(iterations=4096, threads=1, waiting_max=1)
    book = Book(
        bus,
        deriver,
        secret=b"s" * 32,
        iterations=4096,
        now_us=lambda: 1,
        tell=Teller(bus, domain="natter.test", user_shards=2).tell,
    )
    yield handlers(book, names_max=2)
    deriver.close()


async def asked(ask: Ask, verb: str, username: str = "", password: str = "") -> AccountReply:
    request = AccountRequest(username=username, password=password, by="cli")
    return AccountReply.FromString(await ask[verb](request.SerializeToString()))


async def test_every_verb(ask: Ask) -> None:
    assert set(ask) == {"credentials", "register", "passwd", "remove", "list"}
    assert (await asked(ask, "register", "alice", "one")).error == ""
    found = await asked(ask, "credentials", "alice")
    assert found.exists and len(found.keys) == 2
    assert (await asked(ask, "passwd", "alice", "two")).error == ""
    assert (await asked(ask, "credentials", "alice")).keys != found.keys
    assert list((await asked(ask, "list")).usernames) == ["alice"]
    assert (await asked(ask, "remove", "alice")).error == ""
    gone = await asked(ask, "credentials", "alice")
    assert not gone.exists and len(gone.keys) == 2
    assert (await asked(ask, "list")).usernames == []


async def test_errors_are_conditions(ask: Ask) -> None:
    await asked(ask, "register", "alice", "one")
    assert (await asked(ask, "register", "alice", "two")).error == "conflict"
    assert (await asked(ask, "passwd", "bob", "two")).error == "not-found"
    assert (await asked(ask, "remove", "bob")).error == "not-found"
    assert (await asked(ask, "register", "a b", "two")).error == "not-acceptable"
    assert (await asked(ask, "register", "bob", "")).error == "not-acceptable"
    assert AccountReply.FromString(await ask["register"](b"\xff\xff")).error == "bad-request"


async def test_a_page_says_that_there_are_more(ask: Ask) -> None:
    for name in ("a", "b", "c"):
        await asked(ask, "register", name, "x")
    page = await asked(ask, "list")
    assert list(page.usernames) == ["a", "b"] and page.text == "1 more"
    assert list((await asked(ask, "list", "b")).usernames) == ["c"]


async def test_an_outage_is_answered_too() -> None:
    bus = MemoryBus()
    bus.disconnect()
    deriver = Deriver(iterations=4096, threads=1, waiting_max=1)
    ask = handlers(
        Book(
            bus,
            deriver,
            secret=b"s",
            iterations=4096,
            now_us=lambda: 1,
            tell=Teller(bus, domain="natter.test", user_shards=2).tell,
        ),
        names_max=9,
    )
    assert (await asked(ask, "credentials", "alice")).error == "unavailable"
    deriver.close()


async def test_a_fault_of_ours_is_answered_and_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def register(self, username: str, password: str, *, by: str) -> None:
            raise RuntimeError(password)

    ask = handlers(Broken(), names_max=9)  # type: ignore[arg-type]
    reply = await asked(ask, "register", "alice", CANARY)
    assert reply.error == "unavailable" and CANARY not in reply.text
    assert len(caplog.records) == 1 and CANARY not in caplog.text
