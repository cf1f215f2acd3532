"""The bus over a real nats-server with JetStream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from . import direct, js_stream
from .api import BusError, Dated, Entry, Handler, NoStream, Start, StreamSpec, Subscription, Unavailable, Usage
from .connection import Connection, open_connection
from .consumer import Consumer
from .publisher import Publisher
from .requests import Requests

log = logging.getLogger(__name__)


class NatsBus:
    """`Bus` over one connection. Make it with `connect`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.requests = Requests(connection)
        self._publisher = Publisher(connection)
        self._consumers: list[Consumer] = []
        # js_streams in memory are gone after a restart of nats-server.
        self._in_memory: dict[str, StreamSpec] = {}
        self._repair: asyncio.Task[None] | None = None
        # The hot path, without a layer in between.
        self.publish = self._publisher.publish
        connection.on_up.append(self._on_up)
        connection.on_sweep.append(self._on_sweep)

    async def ensure_stream(self, spec: StreamSpec) -> None:
        await js_stream.ensure(self.requests, spec)
        if spec.in_memory:
            self._in_memory[spec.name] = spec

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
        consumer = Consumer(
            self._connection,
            self.requests,
            stream,
            subjects,
            callback,
            on_caught_up,
            in_flight_max,
            self._forget,
        )
        await consumer.start(start)
        self._consumers.append(consumer)
        return consumer

    async def last(self, stream: str, subject: str) -> Entry | None:
        try:
            return await direct.last(self.requests, stream, subject)
        except Unavailable:
            await self._check(stream)
            raise

    async def last_many(self, stream: str, subjects: str) -> list[Entry]:
        try:
            return await direct.last_many(self.requests, stream, subjects)
        except direct.TooMany:
            return await self._collect(stream, subjects)
        except NoStream:
            await self._check(stream)
            raise Unavailable(f"{stream} does not answer") from None

    async def read(self, stream: str, subject: str, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        try:
            return await direct.read(self.requests, stream, subject, after=after, limit=limit)
        except NoStream:
            await self._check(stream)
            raise Unavailable(f"{stream} does not answer") from None

    async def dated(
        self, stream: str, subject: str, *, after: int = 0, since_us: int = 0, limit: int = 100
    ) -> list[Dated]:
        try:
            return await direct.dated(self.requests, stream, subject, after=after, since_us=since_us, limit=limit)
        except NoStream:
            await self._check(stream)
            raise Unavailable(f"{stream} does not answer") from None

    async def last_sequence(self, stream: str) -> int:
        return await js_stream.last_sequence(self.requests, stream)

    async def usage(self, stream: str) -> Usage:
        return await js_stream.usage(self.requests, stream)

    async def purge(self, stream: str, subject: str, *, below: int = 0) -> None:
        await js_stream.purge(self.requests, stream, subject, below)

    async def request(self, subject: str, payload: bytes, *, seconds_max: float = 2.0) -> bytes:
        _, answer = await self.requests.one(subject, payload, seconds_max=seconds_max)
        return answer

    def respond(self, subject: str, handler: Handler) -> None:
        """Serve requests on `subject`; instances share them."""
        self.requests.respond(subject, handler)

    def connected(self) -> bool:
        return self._connection.up

    def pending_bytes(self) -> int:
        return self._publisher.pending_bytes

    async def close(self) -> None:
        if self._repair is not None:
            self._repair.cancel()
        for consumer in list(self._consumers):
            await consumer.stop()
        await self._connection.close()

    async def _check(self, stream: str) -> None:
        """Nobody answers a direct get when the js_stream does not exist: raise `NoStream` then."""
        await js_stream.last_sequence(self.requests, stream)

    async def _collect(self, stream: str, subjects: str) -> list[Entry]:
        """`last_many` for more subjects than one answer of the server holds."""
        entries: list[Entry] = []
        done = asyncio.Event()
        subscription = await self.subscribe(
            stream, (subjects,), entries.append, start=Start.LAST_PER_SUBJECT, on_caught_up=done.set
        )
        try:
            async with asyncio.timeout(60.0):
                await done.wait()
        except TimeoutError as error:
            raise Unavailable(f"{stream} does not answer") from error
        finally:
            await subscription.stop()
        return list({entry.subject: entry for entry in entries}.values())

    def _forget(self, consumer: Consumer) -> None:
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    def _on_sweep(self, now: float) -> None:
        for consumer in self._consumers:
            consumer.sweep(now)

    def _on_up(self) -> None:
        self._repair = self._connection.loop.create_task(self._mend())

    async def _mend(self) -> None:
        for spec in list(self._in_memory.values()):
            try:
                await js_stream.ensure(self.requests, spec)
            except BusError as error:
                log.warning("%s was not made again: %r", spec.name, error)
        for consumer in list(self._consumers):
            consumer.reconnected()


async def connect(url: str, *, name: str, user: str | None = None, password: str | None = None) -> NatsBus:
    """Connect to one of several servers (separated by commas), trying for ever."""
    return NatsBus(await open_connection(url, name=name, user=user, password=password))
