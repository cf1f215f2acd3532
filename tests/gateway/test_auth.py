"""Keys of accounts and the checking of passwords."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from natter.bus.memory import MemoryBus
from natter.gateway.auth import Credentials, Unreachable, Verifier, call
from natter.proto.v1 import accounts_pb2
from natter.xmpp.sasl.keys import Keys, keys_for

R = TypeVar("R")


class Accounts:
    """The accounts service as the gateway sees it."""

    def __init__(self, bus: MemoryBus) -> None:
        self.asked: list[str] = []
        self.error = ""
        bus.respond("natter.rpc.accounts.credentials", self.credentials)

    async def credentials(self, payload: bytes) -> bytes:
        request = accounts_pb2.AccountRequest.FromString(payload)
        self.asked.append(request.username)
        keys = [accounts_pb2.ScramKeys(mechanism="SCRAM-SHA-256", salt=b"salt", iterations=1)]
        return accounts_pb2.AccountReply(
            error=self.error, keys=keys, exists=request.username == "alice"
        ).SerializeToString()


def credentials(bus: MemoryBus, clock: list[float]) -> Credentials:
    return Credentials(bus, lambda: clock[0], seconds=2.0, accounts_max=4, wait_seconds_max=0.3)


async def test_keys_are_asked_for_once_and_remembered_for_a_while(memory: MemoryBus) -> None:
    accounts, clock = Accounts(memory), [0.0]
    known = credentials(memory, clock)
    replies = await asyncio.gather(*(known.get("alice") for _ in range(10)))
    assert accounts.asked == ["alice"]
    assert all(reply.exists for reply in replies)
    clock[0] = 1.9
    await known.get("alice")
    clock[0] = 2.0
    await known.get("alice")
    assert accounts.asked == ["alice", "alice"]


async def test_an_account_that_does_not_exist_is_remembered_alike(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    known = credentials(memory, [0.0])
    assert not (await known.get("mallory")).exists
    await known.get("mallory")
    assert accounts.asked == ["mallory"]
    known.forget("mallory")
    await known.get("mallory")
    assert accounts.asked == ["mallory", "mallory"]


async def test_the_memory_is_bounded(memory: MemoryBus) -> None:
    Accounts(memory)
    known = credentials(memory, [0.0])
    for number in range(20):
        await known.get(f"user{number}")
    assert len(known.known) == 4
    assert known.asking == {}


async def test_a_bus_that_is_away_is_said_and_not_remembered(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    known = credentials(memory, [0.0])
    memory.disconnect()
    with pytest.raises(Unreachable):
        await known.get("alice")
    memory.reconnect()
    await known.get("alice")
    assert accounts.asked == ["alice"]


async def test_a_service_that_comes_back_in_time_is_waited_for(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    known = credentials(memory, [0.0])
    memory.disconnect()
    asking = asyncio.create_task(known.get("alice"))
    await asyncio.sleep(0)
    memory.reconnect()
    assert (await asking).exists
    assert accounts.asked == ["alice"]


async def test_an_accounts_service_in_trouble_is_the_same(memory: MemoryBus) -> None:
    accounts = Accounts(memory)
    accounts.error = "unavailable"
    with pytest.raises(Unreachable):
        await credentials(memory, [0.0]).get("alice")


async def test_nobody_serves(memory: MemoryBus) -> None:
    with pytest.raises(Unreachable):
        await call(memory, "credentials", accounts_pb2.AccountRequest(), seconds_max=0.1)


async def test_passwords_are_checked_in_threads_and_the_queue_is_bounded() -> None:
    verifier = Verifier(threads=1, waiting_max=2)
    go = threading.Event()
    first = asyncio.create_task(verifier.run(lambda: go.wait(10)))
    second = asyncio.create_task(verifier.run(lambda: "second"))
    await asyncio.sleep(0)
    with pytest.raises(Unreachable):
        await verifier.run(lambda: "third")
    go.set()
    assert await first is True
    assert await second == "second"
    assert await verifier.run(lambda: "fourth") == "fourth"
    verifier.close()


def keys_of(password: str, salt: bytes = b"0123456789ab") -> Keys:
    return Keys(salt, 4096, *keys_for(password, "SCRAM-SHA-256", salt, 4096))


class Counted(Verifier):
    """Counts what it derives."""

    derived = 0

    async def run(self, work: Callable[[], R]) -> R:
        self.derived += 1
        return await super().run(work)


async def test_a_right_password_is_known_again_and_a_wrong_one_never() -> None:
    clock, keys = [0.0], keys_of("right")
    verifier = Counted(threads=1, waiting_max=9, remembered_seconds=10.0, now=lambda: clock[0])

    async def check(password: str, name: str = "alice", with_keys: Keys = keys) -> tuple[bool, int]:
        before = verifier.derived
        return await verifier.check(name, password, "SCRAM-SHA-256", with_keys), verifier.derived - before

    assert await check("wrong") == (False, 1)
    assert await check("wrong") == (False, 1)
    assert await check("right") == (True, 1)
    assert await check("right") == (True, 0)
    assert await check("wrong") == (False, 1)
    assert await check("right") == (True, 0)
    # Another account with the same password and keys; a password that was changed; a time that is over.
    assert await check("right", "bob") == (True, 1)
    assert await check("right", with_keys=keys_of("new")) == (False, 1)
    assert await check("right", with_keys=keys_of("right", b"another salt")) == (True, 1)
    clock[0] = 10.0
    assert await check("right") == (True, 1)
    assert b"right" not in repr(verifier._right).encode()
    verifier.close()


async def test_what_is_remembered_is_bounded_and_can_be_nothing() -> None:
    keys = keys_of("right")
    verifier = Counted(threads=1, waiting_max=9, remembered_seconds=10.0, remembered_max=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert await verifier.check(name, "right", "SCRAM-SHA-256", keys)
    assert verifier.derived == 4
    verifier.close()
    never = Counted(threads=1, waiting_max=9)
    for _ in range(2):
        assert await never.check("a", "right", "SCRAM-SHA-256", keys)
    assert never.derived == 2
    never.close()


async def test_an_answer_from_before_a_change_is_not_believed(memory: MemoryBus) -> None:
    revision = 4
    asked = asyncio.Event()

    async def answer(payload: bytes) -> bytes:
        asked.set()
        keys = [accounts_pb2.ScramKeys(mechanism="SCRAM-SHA-256", salt=b"salt", iterations=1)]
        return accounts_pb2.AccountReply(keys=keys, exists=True, revision=revision).SerializeToString()

    memory.respond("natter.rpc.accounts.credentials", answer)
    known = credentials(memory, [0.0])
    assert (await known.get("alice")).revision == 4
    known.forget("alice", 5)
    with pytest.raises(Unreachable, match="out of date"):
        await known.get("alice")
    asked.clear()
    getting = asyncio.create_task(known.get("alice"))
    await asked.wait()
    revision = 5
    assert (await getting).revision == 5
    for number in range(10):
        known.forget(f"user{number}", number + 1)
    assert len(known.changed) == known.accounts_max
