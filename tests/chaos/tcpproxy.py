"""A TCP proxy that behaves badly on demand: delays, slices, stalls one direction, cuts, leaves one half open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

CHUNK_BYTES = 65536

Where = Callable[[], tuple[str, int]]


@dataclass(slots=True)
class Conduct:
    """How one direction behaves."""

    delay_seconds: float = 0.0
    # 0: as it comes.
    slice_bytes: int = 0
    flowing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.flowing.set()


@dataclass(slots=True, eq=False)
class Link:
    """One connection, both sides of it."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    pumps: list[asyncio.Task[None]] = field(default_factory=list)
    # The near side was aborted, the far side is kept and hears nothing any more.
    half_open: bool = False

    def abort(self) -> None:
        for writer in (self.near, self.far):
            writer.transport.abort()


@dataclass(slots=True, eq=False)
class TcpProxy:
    """Listens on `port` of loopback; `upstream` is asked for every connection."""

    upstream: Where
    up: Conduct = field(default_factory=Conduct)
    down: Conduct = field(default_factory=Conduct)
    links: list[Link] = field(default_factory=list)
    refusing: bool = False
    port: int = 0
    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> TcpProxy:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        self.cut()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def cut(self, which: Callable[[int], bool] = lambda _: True) -> int:
        """Abort connections, all or those whose index is chosen; how many."""
        chosen = [link for i, link in enumerate(self.links) if which(i)]
        for link in chosen:
            link.abort()
        return len(chosen)

    def leave_half_open(self, which: Callable[[int], bool] = lambda _: True) -> int:
        """The near side sees its connection die, the far side sees nothing at all."""
        chosen = [link for i, link in enumerate(self.links) if which(i)]
        for link in chosen:
            link.half_open = True
            link.near.transport.abort()
        return len(chosen)

    def heal(self) -> None:
        """Behave."""
        self.refusing = False
        for conduct in (self.up, self.down):
            conduct.delay_seconds, conduct.slice_bytes = 0.0, 0
            conduct.flowing.set()
        for link in [link for link in self.links if link.half_open]:
            link.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            if not self.refusing:
                await self._link(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self.tasks.discard(task)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self.upstream(), limit=CHUNK_BYTES)
        link = Link(writer, far_writer)
        self.links.append(link)
        try:
            link.pumps = [
                asyncio.create_task(self._pump(reader, far_writer, self.up, link)),
                asyncio.create_task(self._pump(far_reader, writer, self.down, link)),
            ]
            await asyncio.wait(link.pumps, return_when=asyncio.FIRST_COMPLETED)
            while link.half_open and not far_writer.transport.is_closing():
                await asyncio.sleep(0.05)
        finally:
            for pump in link.pumps:
                pump.cancel()
            await asyncio.gather(*link.pumps, return_exceptions=True)
            # What was read must still arrive before the end does.
            for side in (writer, far_writer):
                with contextlib.suppress(OSError, RuntimeError):
                    side.close()
            self.links.remove(link)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct, link: Link
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await conduct.flowing.wait()
                if conduct.delay_seconds:
                    await asyncio.sleep(conduct.delay_seconds)
                size = conduct.slice_bytes or len(data)
                for at in range(0, len(data), size):
                    writer.write(data[at : at + size])
                    if conduct.slice_bytes:
                        await asyncio.sleep(0)
                if not link.half_open:
                    await writer.drain()
