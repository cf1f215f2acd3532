"""Accounts over the bus, against a responder in place of the accounts service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from natter.bus import subjects
from natter.bus.memory import MemoryBus
from natter.bus.nats import NatsBus, connect
from natter.proto.v1.accounts_pb2 import AccountReply, AccountRequest
from natter.runtime import runfile, users
from natter.runtime.sections import BusSection
from natter.runtime.users import CommandFailed, Where

ACCOUNTS: dict[str, str] = {}


async def register(payload: bytes) -> bytes:
    request = AccountRequest.FromString(payload)
    if request.username in ACCOUNTS:
        return AccountReply(error="conflict").SerializeToString()
    if request.by != "cli":
        return AccountReply(error="bad-request", text="who asks?").SerializeToString()
    ACCOUNTS[request.username] = request.password
    return AccountReply().SerializeToString()


async def list_accounts(_: bytes) -> bytes:
    return AccountReply(usernames=list(ACCOUNTS)).SerializeToString()


async def odd(_: bytes) -> bytes:
    return AccountReply(error="not-acceptable", text="too short").SerializeToString()


def serve(bus: MemoryBus | NatsBus) -> None:
    ACCOUNTS.clear()
    bus.respond(subjects.rpc("accounts", "register"), register)
    bus.respond(subjects.rpc("accounts", "list"), list_accounts)
    bus.respond(subjects.rpc("accounts", "passwd"), odd)


@pytest.fixture
async def where(own_nats_server: object, tmp_path: Path) -> AsyncIterator[Where]:
    url: str = own_nats_server.url  # type: ignore[attr-defined]
    bus = await connect(url, name="test")
    serve(bus)
    yield Where(tmp_path, url, BusSection())
    await bus.close()


async def test_accounts_are_made_and_listed(where: Where) -> None:
    await users.change(where, "register", "bob", "one")
    await users.change(where, "register", "alice@localhost", "two")
    assert ACCOUNTS == {"bob": "one", "alice": "two"}
    assert list(await users.names(where)) == ["alice", "bob"]


async def test_refusals_are_one_line(where: Where) -> None:
    await users.change(where, "register", "bob", "one")
    with pytest.raises(CommandFailed, match=r"^bob exists already$"):
        await users.change(where, "register", "bob", "one")
    with pytest.raises(CommandFailed, match=r"^bob was not accepted: too short$"):
        await users.change(where, "passwd", "bob", "x")
    with pytest.raises(CommandFailed, match="accounts service does not answer"):
        await users.change(where, "remove", "bob")


async def test_a_system_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="nothing runs in"):
        await users.names(Where(tmp_path, "", BusSection()))


async def test_a_bus_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "CONNECT_SECONDS_MAX", 0.2)
    with pytest.raises(CommandFailed, match="cannot be reached"):
        await users.names(Where(tmp_path, "nats://127.0.0.1:9", BusSection()))


def test_the_domain_must_be_the_one_served(tmp_path: Path) -> None:
    assert users.username("alice@anything", tmp_path) == "alice"
    runfile.write(tmp_path, {"domain": "a.example"}, [])
    assert users.username("alice@A.example", tmp_path) == "alice"
    assert users.username("alice", tmp_path) == "alice"
    with pytest.raises(CommandFailed, match=r"serves a\.example, not b\.example"):
        users.username("alice@b.example", tmp_path)
