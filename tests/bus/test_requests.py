"""Requests over one reply subscription."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from natter.bus.api import NoStream, Unavailable
from natter.bus.nats import NatsBus, connect


@pytest.fixture
async def wired(nats_url: str) -> AsyncIterator[NatsBus]:
    bus = await connect(nats_url, name="test")
    yield bus
    await bus.close()


async def test_api_answers_and_errors(wired: NatsBus) -> None:
    assert "limits" in await wired.requests.api("INFO")
    with pytest.raises(NoStream):
        await wired.requests.api("STREAM.INFO.NONE")


async def test_nobody_listens(wired: NatsBus) -> None:
    with pytest.raises(Unavailable, match="nobody"):
        await wired.requests.one("natter.rpc.nobody.home", b"")


async def test_time_out_leaves_nothing_behind(wired: NatsBus) -> None:
    wired._connection.subscribe("natter.rpc.deaf", lambda *message: None)
    with pytest.raises(Unavailable, match="no answer"):
        await wired.requests.one("natter.rpc.deaf", b"", seconds_max=0.05)
    assert wired.requests._waiting == {}


async def test_cancelled_request_leaves_nothing_behind(wired: NatsBus) -> None:
    wired._connection.subscribe("natter.rpc.deaf", lambda *message: None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wired.requests.one("natter.rpc.deaf", b""), 0.05)
    assert wired.requests._waiting == {}


async def test_a_cancellation_that_comes_with_the_answer_counts(wired: NatsBus) -> None:
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    went_on = False

    async def ask() -> None:
        nonlocal went_on
        await wired.requests.ask("natter.rpc.deaf", b"", lambda *message: None, answer)
        went_on = True

    wired._connection.subscribe("natter.rpc.deaf", lambda *message: None)
    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.01)
    answer.set_result(b"")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not went_on


async def test_lost_connection_fails_requests_at_once(wired: NatsBus) -> None:
    wired._connection.subscribe("natter.rpc.deaf", lambda *message: None)
    asking = asyncio.create_task(wired.requests.one("natter.rpc.deaf", b"", seconds_max=60))
    await asyncio.sleep(0)
    assert wired._connection._transport is not None
    wired._connection._transport.abort()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(asking, 2)


async def test_subject_cannot_inject_commands(wired: NatsBus) -> None:
    with pytest.raises(ValueError, match="subject"):
        await wired.requests.one("a\r\nPUB b 0\r\n", b"")


async def test_instances_share_the_requests(wired: NatsBus, nats_url: str) -> None:
    served: list[str] = []
    servers = [await connect(nats_url, name="test") for _ in range(2)]
    for number, server in enumerate(servers):

        async def handler(payload: bytes, number: int = number) -> bytes:
            served.append(f"{number} {payload.decode()}")
            return payload

        server.respond("natter.rpc.shared.x", handler)
        await server.requests.api("INFO")
    answers = [await wired.request("natter.rpc.shared.x", str(n).encode()) for n in range(30)]
    assert answers == [str(n).encode() for n in range(30)]
    assert len(served) == 30
    assert {line[0] for line in served} == {"0", "1"}
    for server in servers:
        await server.close()


async def test_handler_that_fails_gives_no_answer(wired: NatsBus) -> None:
    async def handler(payload: bytes) -> bytes:
        raise RuntimeError

    wired.respond("natter.rpc.failing", handler)
    with pytest.raises(Unavailable):
        await wired.request("natter.rpc.failing", b"", seconds_max=0.1)
