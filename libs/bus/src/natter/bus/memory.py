"""The in-memory bus: the same behaviour as a nats-server with JetStream, inside one process. For tests and tools."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from natter.telemetry import names

from .api import (
    PAYLOAD_BYTES_MAX,
    BusError,
    Dated,
    Entry,
    Handler,
    NoStream,
    Start,
    StreamSpec,
    Subscription,
    Unavailable,
    Usage,
)
from .memory_stream import MemoryStream
from .pattern import matcher, matches

log = logging.getLogger(__name__)

# Entries handed to one callback before other work of the loop gets its turn.
BURST_ENTRIES_MAX = 256


class MemoryBus:
    """`Bus` in memory. `clock` gives monotonic seconds and may be moved by tests; `disconnect` plays an outage."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streams: dict[str, MemoryStream] = {}
        self._readers: list[MemorySubscription] = []
        self._handlers: dict[str, Handler] = {}
        self._up = True

    def disconnect(self) -> None:
        """From now on everything raises `Unavailable` and subscriptions stand still."""
        self._up = False

    def reconnect(self) -> None:
        """End of the outage: subscriptions go on where they were."""
        self._up = True
        for reader in self._readers:
            reader.wake()

    def respond(self, subject: str, handler: Handler) -> None:
        """Serve requests on `subject` (wildcards allowed)."""
        self._handlers[subject] = handler

    async def ensure_stream(self, spec: StreamSpec) -> None:
        self._check()
        stream = self._streams.get(spec.name)
        if stream is None:
            self._streams[spec.name] = MemoryStream(spec, self._clock)
        else:
            stream.spec = spec

    def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        expect_last: int | None = None,
        operation: str = "",
        ttl_seconds: float = 0.0,
    ) -> asyncio.Future[int]:
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError(f"payload of {len(payload)} bytes is above {PAYLOAD_BYTES_MAX}")
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            stream = self._owner(subject)
            before = stream.last_sequence
            sequence = stream.append(subject, payload, msg_id, expect_last, operation, ttl_seconds)
        except BusError as error:
            future.set_exception(error)
            return future
        future.set_result(sequence)
        if sequence > before:
            for reader in self._readers:
                if reader.stream is stream:
                    reader.wake()
        return future

    async def subscribe(
        self,
        stream: str,
        subjects: Sequence[str],
        callback: Callable[[Entry], None],
        *,
        start: Start | int = Start.ALL,
        on_caught_up: Callable[[], None] | None = None,
        in_flight_max: int = 256,
    ) -> Subscription:
        reader = MemorySubscription(self, self._stream(stream), subjects, callback, on_caught_up, start)
        self._readers.append(reader)
        reader.wake()
        return reader

    def forget(self, reader: MemorySubscription) -> None:
        """A subscription has stopped."""
        if reader in self._readers:
            self._readers.remove(reader)

    async def last(self, stream: str, subject: str) -> Entry | None:
        return self._stream(stream).last(subject)

    async def last_many(self, stream: str, subjects: str) -> list[Entry]:
        return self._stream(stream).last_per_subject(matcher((subjects,)))

    async def read(self, stream: str, subject: str, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        return self._stream(stream).read(subject, after, limit)

    async def dated(
        self, stream: str, subject: str, *, after: int = 0, since_us: int = 0, limit: int = 100
    ) -> list[Dated]:
        return self._stream(stream).dated(subject, after, since_us, limit)

    async def last_sequence(self, stream: str) -> int:
        return self._stream(stream).last_sequence

    async def usage(self, stream: str) -> Usage:
        return self._stream(stream).usage()

    async def purge(self, stream: str, subject: str, *, below: int = 0) -> None:
        self._stream(stream).purge(matcher((subject,)), below)

    async def request(self, subject: str, payload: bytes, *, seconds_max: float = 2.0) -> bytes:
        self._check()
        handler = next((h for pattern, h in self._handlers.items() if matches(pattern, subject)), None)
        if handler is None:
            raise Unavailable(f"nobody serves {subject}")
        try:
            async with asyncio.timeout(seconds_max):
                return await handler(payload)
        except TimeoutError as error:
            raise Unavailable(f"no answer from {subject}") from error

    def connected(self) -> bool:
        return self._up

    def pending_bytes(self) -> int:
        return 0

    async def close(self) -> None:
        for reader in list(self._readers):
            await reader.stop()
        self._up = False

    def _check(self) -> None:
        if not self._up:
            raise Unavailable("disconnected")

    def _stream(self, name: str) -> MemoryStream:
        self._check()
        stream = self._streams.get(name)
        if stream is None:
            raise NoStream(name)
        return stream

    def _owner(self, subject: str) -> MemoryStream:
        self._check()
        for stream in self._streams.values():
            if stream.owns(subject):
                return stream
        raise Unavailable(f"no js_stream takes {subject}")


class MemorySubscription:
    """One reader: a position in a stream and a pump that runs between other work of the loop."""

    def __init__(
        self,
        bus: MemoryBus,
        stream: MemoryStream,
        subjects: Sequence[str],
        callback: Callable[[Entry], None],
        on_caught_up: Callable[[], None] | None,
        start: Start | int,
    ) -> None:
        self.stream = stream
        self._bus = bus
        self._wanted = matcher(subjects)
        self._callback = callback
        self._on_caught_up = on_caught_up
        self._loop = asyncio.get_running_loop()
        self._scheduled = self._paused = self._stopped = False
        # Last values first, where asked for; then the stream from `_next` on.
        self._first: list[Entry] = []
        self._caught_up_at = stream.last_sequence
        match start:
            case Start.ALL:
                self._next = 1
            case Start.NEW:
                self._next = stream.last_sequence + 1
            case Start.LAST_PER_SUBJECT:
                self._first = stream.last_per_subject(self._wanted)[::-1]
                self._next = stream.last_sequence + 1
            case _:
                self._next = int(start)

    def wake(self) -> None:
        """Something new may be there."""
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.wake()

    @property
    def behind(self) -> int:
        return max(0, self.stream.last_sequence + 1 - self._next)

    async def stop(self) -> None:
        self._stopped = True
        self._bus.forget(self)

    def _pump(self) -> None:
        self._scheduled = False
        for _ in range(BURST_ENTRIES_MAX):
            if self._stopped or self._paused or not self._bus.connected():
                return
            entry = self._take()
            if entry is None:
                break
            try:
                self._callback(entry)
            except Exception:
                names.POISON.add(self.stream.spec.name)
                log.exception("poison entry", extra={"stream": self.stream.spec.name, "sequence": entry.sequence})
        else:
            self.wake()
        if self._on_caught_up and not self._first and self._next > self._caught_up_at:
            done, self._on_caught_up = self._on_caught_up, None
            done()

    def _take(self) -> Entry | None:
        if self._first:
            return self._first.pop()
        entry = self.stream.next_from(self._next, self._wanted)
        self._next = entry.sequence + 1 if entry else max(self._next, self.stream.last_sequence + 1)
        return entry
