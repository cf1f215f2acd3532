"""Sharing shards among the instances of a service: fair, one holder at a time, taken over when a holder dies."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping

from natter.telemetry import names

from . import subjects
from .api import Bus, BusError, WrongRevision
from .instances import Instances
from .kv import bucket_spec, ensure
from .lease import Leases
from .shard import OpenShard, Shard, ShardRunner, Worker

__all__ = ["Holder", "OpenShard", "Shard", "Worker"]

log = logging.getLogger(__name__)

SAVE_SECONDS = 0.25
# Leases are renewed after this share of their time: one renewal may fail before work pauses.
RENEW_SHARE = (0.35, 0.45)
TRIM_SECONDS = 5.0


class Holder:
    """Holds this instance's share of `count` shards of one kind ("lane", "user", "room", "account")."""

    def __init__(
        self,
        bus: Bus,
        *,
        kind: str,
        count: int,
        service: str,
        instance: str,
        open_shard: OpenShard,
        lease_seconds: float,
    ) -> None:
        self._bus = bus
        self._kind = kind
        self._count = count
        self._open_shard = open_shard
        self._lease_seconds = lease_seconds
        self._leases = Leases(bus, instance, seconds=lease_seconds)
        self._instances = Instances(bus, service, instance)
        self._runners: dict[str, ShardRunner] = {}
        # Shards that nobody holds, and since when (loop time).
        self._free: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # Shards on their way out: still ours, not at work any more.
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()

    @property
    def shards(self) -> Mapping[int, Shard]:
        """The shards at work here, by number."""
        return {r.number: r.shard for r in self._runners.values() if r.shard is not None}

    @property
    def opened(self) -> bool:
        """Whether there are shards here, and all of them are at work."""
        return bool(self._runners) and all(r.shard is not None for r in self._runners.values())

    async def start(self) -> None:
        """Take the first shards, and keep doing so. What is taken opens in the background."""
        await self._leases.start()
        for name in (subjects.POSITIONS, subjects.PARKED):
            await ensure(self._bus, bucket_spec(name))
        await self._instances.start()
        await self._round()
        self._tasks = [self._loop.create_task(work()) for work in (self._hold, self._save, self._trim)]

    async def stop(self) -> None:
        """Give everything back in peace: outputs stored, positions saved, leases released."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Leases are still renewed while the last outputs leave.
        renewing = self._loop.create_task(self._renew())
        for name in tuple(self._runners):
            self._give_up(name, graceful=True)
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await self._instances.stop()

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds * random.uniform(*RENEW_SHARE))
            try:
                await self._round()
            except BusError as error:
                log.debug("leases of %s: %r", self._kind, error)
            except Exception:
                log.exception("leases of %s", self._kind)

    async def _renew(self) -> None:
        while True:
            await self._leases.refresh()
            await asyncio.sleep(self._lease_seconds / 4)

    async def _round(self) -> None:
        refreshed = await self._leases.refresh()
        for name in refreshed.lost:
            log.warning("%s: lease lost", name)
            names.LEASE_CHANGES.add(self._kind, "lost")
            self._give_up(name, graceful=False)
        for name in refreshed.regained:
            await self._verify(name)
        owners = await self._leases.owners(self._kind)
        # Rounded up: every shard finds a holder, and shares differ by one at most.
        share = -(-self._count // max(1, len(self._instances.live())))
        for name in sorted(self._runners)[share:]:
            self._give_up(name, graceful=True)
        await self._take_free(owners, share)
        names.LEASES_HELD.set(len(self._runners), self._kind)

    async def _take_free(self, owners: Mapping[str, str], share: int) -> None:
        now = self._loop.time()
        wanted = [f"{self._kind}.{number}" for number in range(self._count)]
        mine = {*self._leases.held, *self._leaving}
        free = [name for name in wanted if name not in mine and owners.get(name) in (None, self._leases.instance)]
        self._free = {name: self._free.get(name, now) for name in free}
        random.shuffle(free)
        for name in free:
            # Above our share only what nobody else wanted: its holder died and is still counted as alive.
            patience = self._free[name] + self._lease_seconds / 2
            if (len(self._runners) < share or now > patience) and await self._leases.acquire(name):
                self._begin(name)

    def _begin(self, name: str) -> None:
        number = int(name.rpartition(".")[2])
        names.LEASE_CHANGES.add(self._kind, "taken")
        self._free.pop(name, None)
        self._runners[name] = ShardRunner(
            self._bus, self._kind, number, open_shard=self._open_shard, deadline=self._leases.deadline
        )

    def _give_up(self, name: str, *, graceful: bool) -> None:
        """In the background: the other leases must be renewed meanwhile."""
        runner = self._runners.pop(name, None)
        if runner is None:
            return
        if graceful:
            names.LEASE_CHANGES.add(self._kind, "given")
        names.BACKLOG.forget(self._kind, str(runner.number))
        task = self._loop.create_task(self._leave(runner, graceful))
        self._leaving[name] = task
        task.add_done_callback(lambda _: self._leaving.pop(name))

    async def _leave(self, runner: ShardRunner, graceful: bool) -> None:
        try:
            await runner.stop(graceful=graceful)
        except Exception:
            log.exception("%s: could not be given up in peace", runner.name)
        await self._leases.release(runner.name)

    async def _verify(self, name: str) -> None:
        """The lease had run out. Nobody had the shard meanwhile if its position is still where we wrote it."""
        runner = self._runners.get(name)
        if runner is None:
            return
        try:
            await runner.save(force=True)
        except WrongRevision:
            log.warning("%s: somebody else had it, opened again", name)
            runner.restart()

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            for runner in self._runners.values():
                names.BACKLOG.set(runner.backlog, self._kind, str(runner.number))
            runners = [runner for runner in self._runners.values() if runner.moved]
            results = await asyncio.gather(*(runner.save() for runner in runners), return_exceptions=True)
            for runner, result in zip(runners, results, strict=True):
                if isinstance(result, WrongRevision):
                    log.warning("%s: position was written by somebody else", runner.name)
                    runner.restart()

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            for runner in list(self._runners.values()):
                try:
                    # They share one js_stream.
                    if not await runner.trim():
                        break
                except BusError as error:
                    log.debug("%s: not trimmed: %r", runner.name, error)
