"""One connection to NATS: nats-py keeps it up, natter's own subscriptions and writes go past it (see wire.py)."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from typing import Any, cast

from nats.aio.client import Client

from .api import Unavailable
from .edges import inbox
from .wire import OnMessage, Wire, insert

log = logging.getLogger(__name__)

# sids of our own subscriptions; nats-py counts its own from 1.
FIRST_SID = 1_000_000
SWEEP_SECONDS = 0.25
# What the socket has not taken yet. Above it everything that wants to write hears `Unavailable`.
UNSENT_BYTES_MAX = 64 << 20


class Connection:
    """Raw subscriptions and writes, with hooks for coming up, going down and the passing of time."""

    def __init__(self, client: Client, *, user: str = "") -> None:
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.inbox = f"{inbox(user)}.{secrets.token_hex(8)}"
        self._handlers: dict[bytes, OnMessage] = {}
        self._subscriptions: dict[bytes, bytes] = {}
        self._sid = FIRST_SID
        self._transport: asyncio.Transport | None = None
        self._wire: Wire | None = None
        self.closing = False
        self._sweeper: asyncio.TimerHandle | None = None
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[], None]] = []
        self.on_sweep: list[Callable[[float], None]] = []

    @property
    def up(self) -> bool:
        """Whether writing makes sense."""
        return self._transport is not None

    async def attach(self) -> None:
        """The connection stands (again): take the transport over and renew the subscriptions."""
        while not self._at_boundary():
            await asyncio.sleep(0.001)
            if not self.client.is_connected:
                return
        transport = _transport(self.client)
        if transport.is_closing():
            return
        self._wire = insert(transport, self._handlers, self._lost)
        self._transport = transport
        transport.write(b"".join(self._subscriptions.values()))
        if self._sweeper is None:
            self._sweep()
        for hook in self.on_up:
            hook()

    def write(self, data: bytes) -> None:
        """Send now. `Unavailable` while the connection is down or clogged."""
        transport = self._transport
        if transport is None:
            raise Unavailable("not connected to NATS")
        transport.write(data)

    def clogged(self) -> bool:
        """Whether the server has stopped reading for so long that no more should be written."""
        return self._transport is not None and self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX

    def subscribe(self, subject: str, handler: OnMessage, *, queue: str = "") -> bytes:
        """Call `handler` for messages on `subject`, also after reconnects. Returns the sid."""
        self._sid += 1
        sid = str(self._sid).encode()
        command = f"SUB {subject} {queue} {self._sid}\r\n".encode()
        self._handlers[sid] = handler
        self._subscriptions[sid] = command
        if self._transport is not None:
            self._transport.write(command)
        return sid

    def unsubscribe(self, sid: bytes) -> None:
        """End a subscription. Idempotent."""
        if self._handlers.pop(sid, None) is None:
            return
        del self._subscriptions[sid]
        if self._transport is not None:
            self._transport.write(b"UNSUB " + sid + b"\r\n")

    async def close(self) -> None:
        """Flush and disconnect."""
        self.closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.client.close()
        if self._wire is not None:
            self._lost(self._wire)

    def _at_boundary(self) -> bool:
        """Nothing half-read may lie in nats-py's reader or parser when the transport is taken over."""
        inner = cast(Any, self.client)
        return not inner._ps.buf and not inner._transport._io_reader._buffer

    def _lost(self, wire: Wire) -> None:
        if wire is not self._wire:
            return
        self._wire = self._transport = None
        for hook in self.on_down:
            hook()

    def _sweep(self) -> None:
        if self.closing:
            return
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        if self._transport is not None and not self.client.is_connected:
            # nats-py gave the connection up (no PONG). A close would wait for a frozen server to read what is unsent.
            self._transport.abort()
        now = self.loop.time()
        for hook in self.on_sweep:
            hook(now)


def _transport(client: Client) -> asyncio.Transport:
    return cast(asyncio.Transport, cast(Any, client)._transport._io_writer.transport)


async def open_connection(url: str, *, name: str, user: str | None, password: str | None) -> Connection:
    """Connect, trying for ever. `url` may be several, separated by commas."""
    client = Client()
    connection = Connection(client, user=user or "")

    async def on_error(error: Exception) -> None:
        log.debug("nats: %r", error)

    async def on_disconnected() -> None:
        if not connection.closing:
            log.warning("disconnected from NATS")

    async def on_reconnected() -> None:
        log.warning("connected to NATS again")
        await connection.attach()

    await client.connect(
        [part.strip() for part in url.split(",")],
        name=name,
        user=user,
        password=password,
        inbox_prefix=inbox(user or ""),
        error_cb=on_error,
        disconnected_cb=on_disconnected,
        reconnected_cb=on_reconnected,
        max_reconnect_attempts=-1,
        # nats-py has no jitter of its own: a constant that differs from process to process.
        reconnect_time_wait=random.uniform(0.1, 0.4),  # type: ignore[arg-type]
        connect_timeout=2,
        ping_interval=2,
        max_outstanding_pings=2,
        pending_size=2 << 20,
        flush_timeout=5,
    )
    await connection.attach()
    return connection
