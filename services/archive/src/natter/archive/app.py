"""Composition of the archive service: the database, the shards of its log, what waits for whom."""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path

from natter.bus.directory import Directory
from natter.bus.holder import Holder, Shard
from natter.bus.moves import Moves
from natter.bus.sender import Senders
from natter.bus.subjects import archive as log_of
from natter.bus.subjects import shard_of
from natter.runtime.process import Context
from natter.storage.archive import Archive
from natter.storage.database import Database, url_of

from .accounts import Accounts
from .erasure import Erasure
from .handover import Handover
from .opening import opened
from .preferences import Wishes
from .queries import Queries
from .retention import Retention
from .settings import Settings
from .worker import ShardWorker, Tools

SERVICE = "archive"


async def app(ctx: Context[Settings]) -> None:
    """Start everything; returns when the first shards are being opened."""
    database = Database(url_of(ctx.settings.url.get_secret_value(), Path(ctx.server.data)))
    ctx.on_drain(database.close)
    await opened(database, search=ctx.settings.search, say=ctx.log.warning)
    directory = Directory(ctx.bus)
    await directory.start()
    ctx.on_drain(directory.stop)
    archive = Archive(database)
    shards = ctx.bus_settings.archive_shards
    handover = Handover(ctx.bus, directory, archive, lambda owner: shard_of(owner, shards))
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
            lambda owner: log_of(shard_of(owner, shards)),
            handover.asked,
            wishes,
            ctx.settings.search,
        ),
        handover=handover,
        settings=ctx.settings,
        domain=ctx.server.domain,
        wishes=wishes,
    )
    erasure = Erasure(ctx.bus, archive, accounts, tools.deciding)
    # Before any shard: what ended while nobody was here is known before anything is written.
    await erasure.start()
    ctx.on_drain(erasure.stop)
    ctx.background(erasure.run(), "erasure")
    retention = Retention(archive, days=ctx.settings.days, messages_max=ctx.settings.messages_max, now_us=now_us)
    ctx.background(retention.run(), "retention")
    holder = Holder(
        ctx.bus,
        kind=SERVICE,
        count=shards,
        service=SERVICE,
        instance=ctx.instance,
        open_shard=partial(open_shard, ctx, tools),
        lease_seconds=ctx.bus_settings.lease_seconds,
    )
    await holder.start()
    # First in the drain: shards are given back while everything they need still works.
    ctx.on_drain(holder.stop)


async def open_shard(ctx: Context[Settings], tools: Tools, shard: Shard) -> ShardWorker:
    """The worker of a shard that was just taken. Raises `DatabaseError`: it is tried again."""
    done = await tools.archive.sequence(shard.name)
    seen = await tools.archive.marks(shard.name)
    await tools.handover.open(shard.number)
    await tools.wishes.open()
    publisher = f"{ctx.instance}-{secrets.token_hex(4)}"
    senders = Senders(ctx.bus, shard.name, publisher, may=shard.held)
    return ShardWorker(shard, tools, senders, done=done, seen=seen)


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
