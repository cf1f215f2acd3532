"""The receiving end of a NATS connection, read synchronously.

Hot path. nats-py keeps the connection (handshake, TLS, authentication, PING, reconnect, cluster discovery); once it
stands, this protocol takes nats-py's place under the transport, calls natter's own subscriptions straight from
`data_received` and feeds every other byte to nats-py as if nothing had happened. That saves a stream reader, a task
switch, a queue, a header dictionary and a Msg object per message. Benchmark: tests/bus/bench_bus.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

log = logging.getLogger(__name__)

# subject, reply, header block (b"" for none), payload.
OnMessage = Callable[[bytes, bytes, bytes, bytes], None]

M, H = b"MH"
CRLF = b"\r\n"


class Wire(asyncio.Protocol):
    """Parses MSG and HMSG; `handlers` has natter's subscriptions by sid. All else goes to `inner`."""

    def __init__(
        self, inner: asyncio.Protocol, handlers: dict[bytes, OnMessage], on_lost: Callable[[Wire], None]
    ) -> None:
        self._inner = inner
        self._handlers = handlers
        self._on_lost = on_lost
        # Bytes of an incomplete message, and how many it takes to go on.
        self._chunks: list[bytes] = []
        self._size = 0
        self._needed = 0

    def data_received(self, data: bytes) -> None:
        if self._chunks:
            self._chunks.append(data)
            self._size += len(data)
            if self._size < self._needed:
                return
            data = b"".join(self._chunks)
            self._chunks = []
        at = self._parse(data)
        if at < len(data):
            self._chunks = [data[at:] if at else data]
            self._size = len(data) - at

    def _parse(self, data: bytes) -> int:
        """Dispatch all complete messages; where the incomplete rest starts."""
        at, size = 0, len(data)
        handlers = self._handlers
        while at < size:
            line_end = data.find(CRLF, at)
            if line_end < 0:
                self._needed = 0
                break
            first = data[at]
            if first != H and first != M:
                self._inner.data_received(data[at : line_end + 2])
                at = line_end + 2
                continue
            # HMSG <subject> <sid> [reply] <header bytes> <total bytes> | MSG <subject> <sid> [reply] <bytes>
            words = data[at:line_end].split()
            body = line_end + 2
            end = body + int(words[-1])
            if end + 2 > size:
                self._needed = end + 2 - at
                break
            handler = handlers.get(words[2])
            if handler is None:
                self._inner.data_received(data[at : end + 2])
            else:
                payload = body
                if first == H:
                    payload += int(words[-2])
                    reply = words[3] if len(words) == 6 else b""
                else:
                    reply = words[3] if len(words) == 5 else b""
                try:
                    handler(words[1], reply, data[body:payload], data[payload:end])
                except Exception:
                    log.exception("message handler failed")
            at = end + 2
        return at

    def connection_lost(self, error: Exception | None) -> None:
        self._on_lost(self)
        self._inner.connection_lost(error)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def insert(transport: asyncio.Transport, handlers: dict[bytes, OnMessage], on_lost: Callable[[Wire], None]) -> Wire:
    """Put a `Wire` between the transport and its present protocol. To be called at a protocol boundary."""
    inner = cast(asyncio.Protocol, transport.get_protocol())
    wire = Wire(inner, handlers, on_lost)
    transport.set_protocol(wire)
    return wire
