"""Composition of the presence service: user shards to workers, the directory, the janitor."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial

from natter.bus import instances, subjects
from natter.bus.api import Bus
from natter.bus.blocklists import Blocklists
from natter.bus.directory import Directory, Session
from natter.bus.holder import Holder
from natter.bus.journal import Journal
from natter.bus.kv import bucket_spec, ensure
from natter.bus.moves import Moves
from natter.bus.removal import removed_since
from natter.bus.sender import Senders
from natter.bus.shard import Shard
from natter.bus.snapshot import Snapshots
from natter.runtime import process
from natter.xmpp.jid import local_of

from .arrivals import Arrivals
from .clearing import Clearing
from .departures import Departures
from .janitor import Janitor
from .model.effects import Policy
from .orphans import Orphans
from .outputs import Outputs
from .residents import Residents
from .settings import Settings
from .stores import LOGOUTS, Logouts, has_account, open_availability
from .worker import Bounds, ShardWorker, Tools

SERVICE = "presence"
GATEWAY = "gateway"


async def app(ctx: process.Context[Settings]) -> None:
    """Start everything; returns when shards are being taken."""
    section = ctx.bus_settings
    await ensure(ctx.bus, bucket_spec(LOGOUTS, replicas=section.replicas))
    directory = Directory(ctx.bus)
    await directory.start()
    blocklists = Blocklists(ctx.bus)
    await blocklists.start()
    ctx.on_drain(blocklists.stop)
    service = Service(
        ctx.bus,
        directory,
        ctx.settings,
        instance=ctx.instance,
        domain=ctx.server.domain,
        user_shards=section.user_shards,
        room_shards=section.room_shards,
        lanes=section.lanes,
        keep_words=ctx.server.profile == "full",
        blocklists=blocklists,
    )
    holder = Holder(
        ctx.bus,
        kind="user",
        count=section.user_shards,
        service=SERVICE,
        instance=ctx.instance,
        open_shard=service.open_shard,
        lease_seconds=section.lease_seconds,
    )
    await holder.start()
    ctx.background(service.janitor.run(), "janitor")

    async def drain() -> None:
        await holder.stop()
        await directory.stop()

    ctx.on_drain(drain)


class Service:
    """What the shards of one process share."""

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        settings: Settings,
        *,
        instance: str,
        domain: str,
        user_shards: int,
        room_shards: int,
        lanes: int = 4,
        keep_words: bool = True,
        blocklists: Blocklists | None = None,
    ) -> None:
        self.workers: dict[int, ShardWorker] = {}
        self._bus = bus
        self._settings = settings
        self._publisher = f"{instance}-{secrets.token_hex(4)}"
        self._policy = Policy(domain, f"conference.{domain}", settings.limits())
        self._journal = Journal(bus)
        self._snapshots = Snapshots(bus)
        self._logouts = Logouts(bus)
        self._arrivals = Arrivals(directory)
        self._moves = Moves(directory)
        blocklists = blocklists or Blocklists(bus)
        self._outputs = Outputs(directory, user_shards=user_shards, room_shards=room_shards, blocks=blocklists.blocks)
        self._user_shards = user_shards
        blocklists.on_change(self._blocked)
        self._departures = Departures(directory, self.workers, shards=user_shards)
        self._keep_words = keep_words
        orphans = Orphans(bus, directory, lanes)
        self.janitor = Janitor(
            directory,
            partial(instances.alive, bus, GATEWAY),
            lambda: 0 in self.workers and bus.connected(),
            now=asyncio.get_running_loop().time,
            missing_seconds_min=settings.gateway_missing_seconds,
            start_seconds_min=settings.start_seconds,
            left=orphans.gateways,
            hand_back=orphans.hand_back,
            end=orphans.end,
            removed=self._removed,
            clear=Clearing(bus, asyncio.get_running_loop().time).look,
        )

    async def open_shard(self, shard: Shard) -> ShardWorker:
        """The worker of a shard that was just taken."""
        settings = self._settings
        repeated_until = await self._bus.last_sequence(subjects.SHARDS)
        availability = await open_availability(self._bus, shard.number)
        senders = Senders(self._bus, shard.name, self._publisher, may=shard.held)
        self._moves.follow(senders)
        tools = Tools(
            residents=Residents(
                self._journal,
                self._snapshots,
                users_max=settings.users_in_memory_max,
                sessions=availability.sessions,
                logout=self._logouts.get,
                exists=partial(has_account, self._bus),
            ),
            journal=self._journal,
            senders=senders,
            outputs=self._outputs,
            arrivals=self._arrivals,
            availability=availability.values,
            logouts=self._logouts.values(),
            policy=self._policy,
            now_us=now_us,
            absent=self._departures.absent,
            repeated_until=repeated_until,
            keep_words=self._keep_words,
        )
        bounds = Bounds(settings.frames_waiting_max, settings.bytes_waiting_max, settings.snapshot_events)
        worker = ShardWorker(shard, tools, bounds, on_close=partial(self._closed, shard.number, senders))
        self.workers[shard.number] = worker
        self._departures.look(worker)
        return worker

    async def _removed(self, session: Session) -> bool:
        return await removed_since(self._bus, local_of(session.bare), session.account)

    def _blocked(self, owner: str, before: frozenset[str], after: frozenset[str]) -> None:
        worker = self.workers.get(subjects.shard_of(owner, self._user_shards))
        if worker is not None:
            worker.blocked(owner, after - before, before - after)

    def _closed(self, number: int, senders: Senders, worker: ShardWorker) -> None:
        self._moves.forget(senders)
        if self.workers.get(number) is worker:
            del self.workers[number]


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
