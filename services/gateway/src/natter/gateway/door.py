"""A listening socket of which connections are let in one by one, each when its turn has come. The others wait.

asyncio's own server takes all that wait, in one go.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from natter.telemetry.names import LIMITS_HIT

from .gate import Gate

log = logging.getLogger(__name__)

# After which the system is asked again for a file that it did not have (EMFILE, ENFILE, ENOMEM).
RETRY_SECONDS = 0.1
# In one turn, at most: who is accepted, and who is found gone.
ACCEPTED_MAX = 16
GONE_MAX = 16
# Linux tells that the other end was closed before everything was read; elsewhere only that all is over.
HUNG_UP = getattr(select, "POLLRDHUP", 0)


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


def hung_up(connection: socket.socket) -> bool:
    """Whether the client has closed it, whatever it said before."""
    poll = select.poll()
    poll.register(connection, HUNG_UP)
    return bool(poll.poll(0))


@dataclass(slots=True, eq=False)
class Door:
    """One such socket. `spawn` runs what a connection needs until it is there.

    Who has come last is let in first. Clients have patience for some seconds, and then come again: in the order of
    their coming all would be let in when they are about to give up, and nobody would get a session.
    """

    loop: asyncio.AbstractEventLoop
    gate: Gate
    listening: socket.socket
    factory: Callable[[], asyncio.BaseProtocol]
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    tls: ssl.SSLContext | None
    tls_seconds_max: float
    close_seconds_max: float
    waiting_max: int
    # Accepted, but not let in: since when (loop time), the newest last.
    _waiting: deque[tuple[float, socket.socket]] = field(default_factory=deque)
    # No file was left: nobody is accepted until then.
    _full_until: float = 0.0
    _closed: bool = False

    def open(self) -> None:
        """Let people in from now on."""
        if not self._closed:
            self.loop.add_reader(self.listening, self._knocked)

    def close(self) -> None:
        """Nobody gets in any more; who waits outside is refused."""
        if self._closed:
            return
        self._closed = True
        self.loop.remove_reader(self.listening)
        self.listening.close()
        for _, connection in self._waiting:
            connection.close()
        self._waiting.clear()

    def _knocked(self) -> None:
        if self.gate.free():
            self._turn()
        else:
            self._stand_in_line()

    def _stand_in_line(self) -> None:
        self.loop.remove_reader(self.listening)
        self.gate.when_free(self._turn)

    def _turn(self) -> None:
        if self._closed:
            return
        self._accept()
        self._let_in()
        while self._waiting and self.gate.free():
            self._let_in()
        if self._waiting:
            self._stand_in_line()
        elif self.loop.time() < self._full_until:
            self.loop.remove_reader(self.listening)
            self.loop.call_later(RETRY_SECONDS, self.open)
        else:
            self.open()

    def _accept(self) -> None:
        """Some of those who wait outside, to see who has come last."""
        now = self.loop.time()
        if now < self._full_until:
            return
        for _ in range(min(ACCEPTED_MAX, self.waiting_max - len(self._waiting))):
            try:
                connection, _ = self.listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                # Nobody, or gone again, or another process was faster.
                return
            except OSError as error:
                LIMITS_HIT.add("accept")
                log.error("no connection can be accepted: %s", error.strerror)
                self._full_until = now + RETRY_SECONDS
                return
            connection.setblocking(False)
            self._waiting.append((now, connection))

    def _let_in(self) -> None:
        """The newest who is still there. Who has waited for too long has given up, or says nothing."""
        before = self.loop.time() - self.tls_seconds_max
        for _ in range(GONE_MAX):
            if not self._waiting:
                return
            stale = self._waiting[0][0] < before
            _, connection = self._waiting.popleft() if stale else self._waiting.pop()
            if not stale and not hung_up(connection):
                self.spawn(self._connect(connection))
                return
            LIMITS_HIT.add("gave_up")
            connection.close()

    async def _connect(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                async with asyncio.timeout(self.tls_seconds_max):
                    await self._heard(connection)
                    await self.gate.turn()
                if hung_up(connection):
                    raise ConnectionResetError("gone while it waited")
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
