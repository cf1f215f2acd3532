"""Leases: who works on what, for liveness. A key with a short age, refreshed by compare-and-set.

Safety is not here: a holder that was frozen finds out late, and is stopped by the journal's expected revision and by
the compare-and-set on its position.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from . import subjects
from .api import Bus, BusError, WrongRevision
from .kv import Bucket, Value, bucket_spec, ensure


@dataclass(slots=True)
class Held:
    """A lease of ours: the revision of our last write, and until when nobody else can have it."""

    revision: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found out."""

    # Somebody else has it now.
    lost: tuple[str, ...] = ()
    # It had run out and is ours again; somebody may have had it in between.
    regained: tuple[str, ...] = field(default=())


class Leases:
    """The leases of one process. `instance` is stable over restarts: a lease of my own name may be retaken at once."""

    def __init__(self, bus: Bus, instance: str, *, seconds: float) -> None:
        self._bus = bus
        self.instance = instance
        self._seconds = seconds
        # Another process of the same name must not be taken for this one.
        self._value = f"{instance} {secrets.token_hex(4)}".encode()
        self._bucket = Bucket(bus, subjects.LEASES, marker_seconds=max(1.0, seconds))
        self._held: dict[str, Held] = {}

    async def start(self) -> None:
        """Make the bucket if it is missing."""
        await ensure(self._bus, bucket_spec(subjects.LEASES, age_seconds=self._seconds))

    @property
    def held(self) -> Iterable[str]:
        """Names of what is held, as far as is known."""
        return tuple(self._held)

    def deadline(self, name: str) -> float:
        """Until when (`time.monotonic`) the lease is certainly ours; 0 when it is not."""
        held = self._held.get(name)
        return held.deadline if held is not None else 0.0

    async def acquire(self, name: str) -> bool:
        """Try to get a lease; False when somebody has it."""
        deadline = self._deadline()
        try:
            revision = await self._bucket.create(name, self._value)
        except WrongRevision:
            found = await self._bucket.get(name)
            if found is None or _instance(found) != self.instance:
                return False
            try:
                revision = await self._bucket.update(name, self._value, found.revision)
            except WrongRevision:
                return False
        self._held[name] = Held(revision, deadline)
        return True

    async def refresh(self) -> Refreshed:
        """Renew everything that is held. What cannot be reached now stays held, but past its deadline."""
        names = tuple(self._held)
        outcomes = await asyncio.gather(*map(self._refresh, names))
        paired = tuple(zip(names, outcomes, strict=True))
        return Refreshed(
            tuple(name for name, outcome in paired if outcome == "lost"),
            tuple(name for name, outcome in paired if outcome == "regained"),
        )

    async def release(self, name: str) -> None:
        """Give a lease back. Best effort: it runs out anyway."""
        held = self._held.pop(name, None)
        if held is None:
            return
        revision = held.revision
        try:
            # A refresh that is on its way may still come in between, once.
            for _ in range(2):
                try:
                    await self._bucket.delete(name, revision)
                    return
                except WrongRevision:
                    found = await self._bucket.get(name)
                    if found is None or found.value != self._value:
                        return
                    revision = found.revision
        except BusError:
            pass

    async def owners(self, prefix: str) -> dict[str, str]:
        """Instance by lease name, of all leases below `prefix` ("lane") that anybody holds."""
        found = await self._bucket.values(f"{prefix}.>")
        return {value.key: _instance(value) for value in found}

    async def _refresh(self, name: str) -> str:
        held = self._held.get(name)
        if held is None:
            return ""
        deadline = self._deadline()
        try:
            held.revision = await self._bucket.update(name, self._value, held.revision)
        except WrongRevision:
            return await self._dispute(name, held)
        except BusError:
            return ""
        held.deadline = deadline
        return ""

    async def _dispute(self, name: str, held: Held) -> str:
        """The key is not what we wrote last."""
        deadline = self._deadline()
        try:
            found = await self._bucket.get(name)
            if found is not None:
                if found.value != self._value:
                    self._held.pop(name, None)
                    return "lost"
                # Our own write, whose acknowledgement was lost.
                held.revision = await self._bucket.update(name, self._value, found.revision)
            else:
                held.revision = await self._bucket.create(name, self._value)
        except WrongRevision:
            self._held.pop(name, None)
            return "lost"
        except BusError:
            return ""
        held.deadline = deadline
        return "regained"

    def _deadline(self) -> float:
        # Not the loop's time: uvloop's stands still during a loop turn.
        return monotonic() + self._seconds


def _instance(value: Value) -> str:
    return value.value.decode().partition(" ")[0]
