"""Key-value buckets on any `Bus`, by the conventions of NATS ADR-8, so that `nats kv` works on them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from .api import Bus, Entry, NoStream, PublishUnknown, Start, StreamSpec, Subscription, WrongRevision
from .subjects import bucket_spec, kv_key, kv_stream

__all__ = ["Bucket", "Value", "bucket_spec", "ensure"]

# A delete marker is kept this long for watchers that are cut off, then the key leaves no trace.
MARKER_SECONDS = 600.0
# A write whose outcome is unknown is repeated, this often in all.
ATTEMPTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Value:
    """One key's value and the revision that `update` wants to hear."""

    key: str
    value: bytes
    revision: int


async def ensure(bus: Bus, spec: StreamSpec) -> None:
    """Make the bucket (or js_stream) if it is missing; leave it as it is otherwise."""
    try:
        await bus.last_sequence(spec.name)
    except NoStream:
        await bus.ensure_stream(spec)


async def first_after(bus: Bus, stream: str, subject: str, revision: int) -> Entry | None:
    """The entry that was written behind a revision."""
    found = await bus.read(stream, subject, after=revision, limit=1)
    return found[0] if found else None


class Bucket:
    """One bucket. Keys are subject tokens joined by dots. Writers raise `WrongRevision` when somebody was faster."""

    def __init__(self, bus: Bus, name: str, *, marker_seconds: float = MARKER_SECONDS) -> None:
        self._bus = bus
        self._stream = kv_stream(name)
        self._prefix = kv_key(name, "")
        self._marker_seconds = marker_seconds
        self._nonce = secrets.token_hex(8)
        self._count = count()

    async def get(self, key: str) -> Value | None:
        """The value of `key` now."""
        entry = await self._bus.last(self._stream, self._prefix + key)
        return self._value(entry) if entry and not entry.operation else None

    async def create(self, key: str, value: bytes) -> int:
        """Write where nothing stands; the revision. `WrongRevision` when the key exists."""
        try:
            return await self._write(key, value, expect=0)
        except WrongRevision:
            # A delete marker may be in the way.
            entry = await self._bus.last(self._stream, self._prefix + key)
            if entry is not None and not entry.operation:
                raise
            return await self._write(key, value, expect=entry.sequence if entry else 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace exactly `revision`; the new one."""
        return await self._write(key, value, expect=revision)

    async def put(self, key: str, value: bytes) -> int:
        """Write, whatever stands there."""
        return await self._write(key, value, expect=None)

    async def delete(self, key: str, revision: int | None = None) -> int:
        """Leave a marker, which goes away by itself; the marker's revision."""
        return await self._write(key, b"", expect=revision, operation="DEL")

    async def values(self, keys: str = ">") -> list[Value]:
        """All values, or those whose key matches a pattern, oldest first."""
        entries = await self._bus.last_many(self._stream, self._prefix + keys)
        return [self._value(entry) for entry in entries if not entry.operation]

    async def watch(self, on_value: Callable[[Value], None], on_delete: Callable[[str, int], None]) -> Subscription:
        """Hear of every value that is there and of every change. Returns once the initial values were delivered.

        What expires by age is not announced.
        """
        caught_up = asyncio.get_running_loop().create_future()

        def on_entry(entry: Entry) -> None:
            if entry.operation:
                on_delete(entry.subject[len(self._prefix) :], entry.sequence)
            else:
                on_value(self._value(entry))

        def on_caught_up() -> None:
            if not caught_up.done():
                caught_up.set_result(None)

        subscription = await self._bus.subscribe(
            self._stream,
            (self._prefix + ">",),
            on_entry,
            start=Start.LAST_PER_SUBJECT,
            on_caught_up=on_caught_up,
        )
        try:
            await caught_up
        except BaseException:
            await subscription.stop()
            raise
        return subscription

    def _value(self, entry: Entry) -> Value:
        return Value(entry.subject[len(self._prefix) :], entry.payload, entry.sequence)

    async def _write(self, key: str, value: bytes, *, expect: int | None, operation: str = "") -> int:
        msg_id = f"{self._nonce}.{next(self._count)}" if expect is None else ""
        ttl_seconds = self._marker_seconds if operation else 0.0
        subject = self._prefix + key
        attempt = 1
        while True:
            try:
                return await self._bus.publish(
                    subject, value, msg_id=msg_id, expect_last=expect, operation=operation, ttl_seconds=ttl_seconds
                )
            except PublishUnknown:
                if attempt >= ATTEMPTS_MAX:
                    raise
            except WrongRevision:
                # Whose write was it? After an unknown outcome it may be our own.
                found = attempt > 1 and await first_after(self._bus, self._stream, subject, expect or 0)
                if found and found.payload == value and found.operation == operation:
                    return found.sequence
                raise
            attempt += 1
