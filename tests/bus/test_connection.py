"""The connection under nats-py: subscriptions that survive, and what happens while it is down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.bus.api import Unavailable
from natter.bus.connection import Connection, open_connection

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def connection(nats_url: str):  # type: ignore[no-untyped-def]
    made = await open_connection(nats_url, name="test", user=None, password=None)
    yield made
    await made.close()


def publish(connection: Connection, subject: str, payload: bytes) -> None:
    connection.write(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))


async def test_subscriptions_survive_a_reconnect(connection: Connection, eventually: Eventually) -> None:
    got: list[bytes] = []
    seen: list[str] = []
    connection.on_up.append(lambda: seen.append("up"))
    connection.on_down.append(lambda: seen.append("down"))
    connection.subscribe("test.connection", lambda subject, reply, header, payload: got.append(payload))
    gone = connection.subscribe("test.connection", lambda subject, reply, header, payload: got.append(b"gone"))
    connection.unsubscribe(gone)
    connection.unsubscribe(gone)
    publish(connection, "test.connection", b"1")
    await eventually(lambda: got == [b"1"])
    assert connection._transport is not None

    def on_down() -> None:
        with pytest.raises(Unavailable):
            connection.write(b"PING\r\n")
        connection.subscribe("test.while.down", lambda subject, reply, header, payload: got.append(payload))

    connection.on_down.append(on_down)
    connection._transport.abort()
    await eventually(lambda: len(seen) == 2)
    publish(connection, "test.connection", b"2")
    publish(connection, "test.while.down", b"3")
    await eventually(lambda: got == [b"1", b"2", b"3"])
    assert seen == ["down", "up"]


async def test_nats_py_still_works_beside_us(connection: Connection) -> None:
    async def answer(message) -> None:  # type: ignore[no-untyped-def]
        await message.respond(message.data * 2)

    await connection.client.subscribe("test.beside", cb=answer)
    replies = await asyncio.gather(*(connection.client.request("test.beside", b"%d" % n, timeout=2) for n in range(20)))
    assert [reply.data for reply in replies] == [b"%d%d" % (n, n) for n in range(20)]
    assert await connection.client.rtt() < 2


async def test_pings_are_answered(connection: Connection, eventually: Eventually) -> None:
    before = connection.client._pongs_received
    await connection.client.flush()
    await eventually(lambda: connection.client._pongs_received > before)
    assert connection.client._pings_outstanding == 0


async def test_connection_given_up_by_nats_py_is_aborted(connection: Connection, eventually: Eventually) -> None:
    seen: list[str] = []
    connection.on_down.append(lambda: seen.append("down"))
    connection.client._status = connection.client.RECONNECTING
    connection._sweep()
    await eventually(lambda: seen)
    connection.client._status = connection.client.CLOSED


async def test_a_wanted_end_is_no_warning_and_a_lost_connection_is(
    nats_url: str, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = await open_connection(nats_url, name="test", user=None, password=None)
    await wanted.close()
    assert not caplog.records
    lost = await open_connection(nats_url, name="test", user=None, password=None)
    assert lost._transport is not None
    lost._transport.abort()
    await eventually(lambda: "disconnected from NATS" in caplog.text)
    await eventually(lambda: lost.up)
    caplog.clear()
    await lost.close()
    assert not caplog.records
