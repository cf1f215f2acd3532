"""Composition of the archive service: the database, the shards of its log, what waits for whom."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial
from pathlib import Path

from natter.bus.blocklists import Blocklists
from natter.bus.directory import Directory
from natter.bus.holder import Holder, Shard
from natter.bus.moves import Moves
from natter.bus.sender import Senders
from natter.bus.subjects import archive as log_of
from natter.bus.subjects import rpc, shard_of
from natter.runtime.process import Context
from natter.storage.archive import Archive
from natter.storage.database import Database, DatabaseError, url_of

from .accounts import Accounts
from .erasure import Erasure
from .handover import Handover
from .inbox import Inbox
from .inspection import Inspection
from .opening import opened
from .preferences import Wishes
from .queries import Queries
from .retention import Retention
from .settings import Settings
from .standin import StandIn
from .witness import Witness
from .worker import ShardWorker, Tools

SERVICE = "archive"
# How soon a shard is opened again that found no database.
REOPEN_SECONDS = 1.0


async def app(ctx: Context[Settings]) -> None:
    """Start everything; returns when the first shards are being opened."""
    database = Database(url_of(ctx.settings.url.get_secret_value(), Path(ctx.server.data)))
    ctx.on_drain(database.close)
    directory = Directory(ctx.bus)
    await directory.start()
    ctx.on_drain(directory.stop)
    archive = Archive(database)
    shards = ctx.bus_settings.archive_shards
    blocklists = Blocklists(ctx.bus)
    await blocklists.start()
    ctx.on_drain(blocklists.stop)
    handover = Handover(ctx.bus, directory, archive, lambda owner: shard_of(owner, shards), blocklists.blocks)
    ctx.on_drain(handover.close)
    accounts = Accounts(ctx.bus, ctx.server.domain)
    wishes = Wishes(ctx.bus, archive)
    tools = Tools(
        archive=archive,
        accounts=accounts,
        directory=directory,
        moves=Moves(directory),
        queries=Queries(
            ctx.bus,
            archive,
            ctx.settings.page_max,
            ctx.settings.page_bytes_max,
            lambda owner: log_of(shard_of(owner, shards)),
            handover.asked,
            wishes,
            Inbox(archive, handover, ctx.settings.offline_max),
            ctx.settings.search,
        ),
        handover=handover,
        settings=ctx.settings,
        domain=ctx.server.domain,
        wishes=wishes,
    )
    house = House(ctx, tools)
    await opened(database, search=ctx.settings.search, say=ctx.log.warning, meanwhile=house.start)
    erasure = Erasure(ctx.bus, archive, accounts, tools.deciding)
    # Before any shard: what ended while nobody was here is known before anything is written.
    await erasure.start()
    ctx.on_drain(erasure.stop)
    ctx.background(erasure.run(), "erasure")
    inspection = Inspection(
        ctx.bus, archive, accounts, wishes, ctx.settings, tools.deciding, shards=shards, now_us=now_us
    )
    ctx.bus.respond(rpc(SERVICE, "check"), inspection.check)
    ctx.bus.respond(rpc(SERVICE, "written"), Witness(archive).written)
    retention = Retention(archive, days=ctx.settings.days, messages_max=ctx.settings.messages_max, now_us=now_us)
    ctx.background(retention.run(), "retention")
    house.open.set()
    await house.start()


class House:
    """The shards that are held here. Until `open` is set, and while the database is away, a stand-in answers."""

    def __init__(self, ctx: Context[Settings], tools: Tools) -> None:
        self.open = asyncio.Event()
        self._ctx = ctx
        self._tools = tools
        self._started = False
        self._holder = Holder(
            ctx.bus,
            kind=SERVICE,
            count=ctx.bus_settings.archive_shards,
            service=SERVICE,
            instance=ctx.instance,
            open_shard=self._open,
            lease_seconds=ctx.bus_settings.lease_seconds,
        )

    async def start(self) -> None:
        """Take shards, once; ready when they are at work."""
        if self._started:
            return
        self._started = True
        holder = self._holder
        await holder.start()
        # First in the drain: shards are given back while everything they need still works.
        self._ctx.on_drain(holder.stop)
        loop = asyncio.get_running_loop()
        # More instances than shards: who has none when the leases have settled is ready to take over.
        settled = loop.time() + 2 * self._ctx.bus_settings.lease_seconds
        # Who asks an archive as soon as this is ready finds it at work.
        self._ctx.ready(
            "shards",
            lambda: self.open.is_set() and (holder.opened or (not holder.shards and loop.time() > settled)),
        )

    async def _open(self, shard: Shard) -> ShardWorker | StandIn:
        """The worker of a shard that was just taken."""
        tools = self._tools
        publisher = f"{self._ctx.instance}-{secrets.token_hex(4)}"
        senders = Senders(self._ctx.bus, shard.name, publisher, may=shard.held)
        if not self.open.is_set():
            return StandIn(shard, tools.directory, senders, self.open.wait)
        try:
            done = await tools.archive.sequence(shard.name)
            seen = await tools.archive.marks(shard.name)
            await tools.handover.open(shard.number)
            await tools.wishes.open()
        except DatabaseError:
            return StandIn(shard, tools.directory, senders, partial(asyncio.sleep, REOPEN_SECONDS))
        return ShardWorker(shard, tools, senders, done=done, seen=seen)


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
