"""Keys of accounts and the checking of passwords."""

from __future__ import annotations

import asyncio
import threading

import pytest
from natter.bus.memory import MemoryBus
from natter.gateway.auth import Credentials, Unreachable, Verifier, call
from natter.proto.v1 import accounts_pb2


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
