"""The proxy passes everything on, and misbehaves as told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tcpproxy import TcpProxy


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """In front of a server that says everything back."""

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(back, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = await TcpProxy(lambda: ("127.0.0.1", port)).start()
    yield made
    await made.stop()
    server.close()


async def connected(proxy: TcpProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    return reader, writer


@pytest.mark.parametrize(("slice_bytes", "delay_seconds"), [(0, 0.0), (3, 0.0), (0, 0.01)])
async def test_everything_arrives(proxy: TcpProxy, slice_bytes: int, delay_seconds: float) -> None:
    proxy.up.slice_bytes = proxy.down.slice_bytes = slice_bytes
    proxy.up.delay_seconds = proxy.down.delay_seconds = delay_seconds
    reader, writer = await connected(proxy)
    writer.write(bytes(range(256)) * 20)
    assert await reader.readexactly(5120) == bytes(range(256)) * 20
    writer.close()


async def test_a_stall_ends_with_healing(proxy: TcpProxy) -> None:
    reader, writer = await connected(proxy)
    proxy.down.flowing.clear()
    writer.write(b"later")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(5)
    proxy.heal()
    assert await reader.readexactly(5) == b"later"


async def test_a_cut_is_seen_and_a_refusing_proxy_lets_nobody_in(proxy: TcpProxy) -> None:
    reader, _ = await connected(proxy)
    proxy.refusing = True
    assert proxy.cut() == 1
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    with pytest.raises((ConnectionError, AssertionError, asyncio.IncompleteReadError)):
        await connected(proxy)
    proxy.heal()
    await connected(proxy)


async def test_half_open_is_seen_by_the_near_side_only(proxy: TcpProxy) -> None:
    reader, _ = await connected(proxy)
    link = proxy.links[0]
    assert proxy.leave_half_open() == 1
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    assert not link.far.transport.is_closing()
    proxy.heal()
    assert link.far.transport.is_closing()
