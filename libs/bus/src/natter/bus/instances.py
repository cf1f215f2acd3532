"""Which instances of a service are alive: one key each, with a short age."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from time import monotonic

from . import subjects
from .api import Bus, BusError
from .kv import Bucket, bucket_spec, ensure

log = logging.getLogger(__name__)


class Instances:
    """Says that this instance lives, and what `tell` gives then; keeps the list of those that do."""

    def __init__(
        self,
        bus: Bus,
        service: str,
        instance: str,
        *,
        seconds: float = subjects.INSTANCE_SECONDS,
        tell: Callable[[], bytes] = lambda: b"",
    ) -> None:
        self._bus = bus
        self._tell = tell
        self._service = service
        self._instance = instance
        self._seconds = seconds
        self._bucket = Bucket(bus, subjects.INSTANCES, marker_seconds=max(1.0, seconds))
        self._live: tuple[str, ...] = ()
        # Monotonic time at which the last renewal that succeeded was begun: nobody thinks this instance dead for
        # `seconds` from then on.
        self.renewed_at = float("-inf")
        # Called before `renewed_at` moves on over a gap in which others may have thought this instance dead: returns
        # when this process knows what they have done. May raise `BusError`; then the gap stays.
        self.on_gap: Callable[[], Awaitable[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Announce this instance; from then on it is renewed until `stop`."""
        await ensure(self._bus, bucket_spec(subjects.INSTANCES, age_seconds=self._seconds))
        await self._renew()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def live(self) -> list[str]:
        """Names of the live instances of this service, as of a moment ago; this one is among them."""
        return list(self._live)

    async def stop(self) -> None:
        """Leave."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        try:
            await self._bucket.delete(self._key)
        except BusError:
            pass

    @property
    def _key(self) -> str:
        return f"{self._service}.{self._instance}"

    async def _renew(self) -> None:
        # Not the loop's time: uvloop's stands still during a loop turn, and whoever was stopped wakes inside one.
        began = monotonic()
        await self._bucket.put(self._key, self._tell())
        if self.on_gap is not None and monotonic() - self.renewed_at >= self._seconds:
            await self.on_gap()
        self.renewed_at = began
        self._live = tuple(sorted({*await alive(self._bus, self._service), self._instance}))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds * random.uniform(0.18, 0.22))
            try:
                await self._renew()
            except BusError as error:
                log.debug("instance not renewed: %r", error)


async def alive(bus: Bus, service: str) -> list[str]:
    """The live instances of any service, now. For a gateway: its incarnations."""
    found = await Bucket(bus, subjects.INSTANCES).values(f"{service}.>")
    return [value.key[len(service) + 1 :] for value in found]


async def told(bus: Bus, service: str) -> dict[str, bytes]:
    """What each live instance of a service told when it was renewed last."""
    found = await Bucket(bus, subjects.INSTANCES).values(f"{service}.>")
    return {value.key[len(service) + 1 :]: value.value for value in found}
