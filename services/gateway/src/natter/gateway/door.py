"""A listening socket of which connections are taken one by one, each when its turn has come. The others wait outside.

asyncio's own server takes all that wait, in one go.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from natter.telemetry.names import LIMITS_HIT

from .gate import Gate

log = logging.getLogger(__name__)

# After which the system is asked again for a file that it did not have (EMFILE, ENFILE, ENOMEM).
RETRY_SECONDS = 0.1


def listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    """A socket per address of `host`; several processes may listen at one port, the kernel deals the connections."""
    found: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            made = socket.socket(family, kind, protocol)
            found.append(made)
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind(address)
            made.listen(backlog)
    except OSError:
        for made in found:
            made.close()
        raise
    return found


@dataclass(slots=True, eq=False)
class Door:
    """One such socket. `spawn` runs what a connection needs until it is there."""

    loop: asyncio.AbstractEventLoop
    gate: Gate
    listening: socket.socket
    factory: Callable[[], asyncio.BaseProtocol]
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    tls: ssl.SSLContext | None
    tls_seconds_max: float
    close_seconds_max: float
    _closed: bool = field(default=False)

    def open(self) -> None:
        """Let people in from now on."""
        if not self._closed:
            self.loop.add_reader(self.listening, self._knocked)

    def close(self) -> None:
        """Nobody gets in any more; who waits outside is refused."""
        if not self._closed:
            self._closed = True
            self.loop.remove_reader(self.listening)
            self.listening.close()

    def _knocked(self) -> None:
        if self.gate.free():
            self._let_in()
        else:
            self.loop.remove_reader(self.listening)
            self.gate.when_free(self._turn)

    def _turn(self) -> None:
        if not self._closed:
            # Before somebody comes in: who cannot be taken closes it for a while again.
            self.open()
            self._let_in()

    def _let_in(self) -> None:
        try:
            connection, _ = self.listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Gone again, or another process was faster.
            return
        except OSError as error:
            LIMITS_HIT.add("accept")
            log.error("no connection can be accepted: %s", error.strerror)
            self.loop.remove_reader(self.listening)
            self.loop.call_later(RETRY_SECONDS, self.open)
            return
        connection.setblocking(False)
        self.spawn(self._connect(connection))

    async def _connect(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                async with asyncio.timeout(self.tls_seconds_max):
                    await self._heard(connection)
                    await self.gate.turn()
            await self.loop.connect_accepted_socket(
                self.factory,
                connection,
                ssl=self.tls,
                ssl_handshake_timeout=self.tls_seconds_max if self.tls else None,
                ssl_shutdown_timeout=self.close_seconds_max if self.tls else None,
            )
        except OSError:
            # The client's mistake, or it has gone: there is nobody to tell.
            LIMITS_HIT.add("tls_handshake")
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _heard(self, connection: socket.socket) -> None:
        """Wait until the client has begun its handshake: answering is what costs."""
        heard = self.loop.create_future()
        self.loop.add_reader(connection, lambda: None if heard.done() else heard.set_result(None))
        try:
            await heard
        finally:
            self.loop.remove_reader(connection)
