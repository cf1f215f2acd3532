"""Composition of the router: the directory's replica, then lanes, each with its worker."""

from __future__ import annotations

import asyncio
import platform
import secrets
import time
from functools import partial
from importlib.metadata import version

from natter.bus.blocklists import Blocklists
from natter.bus.directory import Directory
from natter.bus.facts import FactsWriter
from natter.bus.holder import Holder, Shard
from natter.bus.moves import Moves
from natter.bus.sender import Senders
from natter.runtime.process import Context

from .attention import Attention
from .handlers import Lane, Office
from .orders import Orders
from .pipeline import ANSWERS, FEATURES, ORDERS
from .question import Server
from .route.view import Hosts
from .settings import Settings
from .subjects import Subjects
from .xeps import blocking, mam, offline


async def app(ctx: Context[Settings]) -> None:
    """Start routing. Returns when the first lanes are being opened."""
    directory = Directory(ctx.bus)
    facts = FactsWriter(ctx.bus, ctx.instance)
    blocklists = Blocklists(ctx.bus)
    office = _office(ctx, directory, facts, blocklists)
    blocklists.on_change(lambda *_: office.attention.look())
    await blocklists.start()
    ctx.on_drain(blocklists.stop)
    directory.on_change(office.attention.changed)
    # Before any lane: without its replica every recipient would look absent, and stanzas would bounce.
    await directory.start()
    ctx.on_drain(directory.stop)
    ctx.on_drain(facts.close)
    moves = Moves(directory)
    # Names this start of this process: message ids of its publishes are nobody else's.
    publisher = f"{ctx.instance}.{secrets.token_hex(8)}"

    async def open_lane(shard: Shard) -> Lane:
        senders = Senders(ctx.bus, shard.name, publisher, may=shard.held)
        lane = Lane(office, senders, shard.progress, closed=partial(moves.forget, senders))
        lane.fences.remember(directory.all(), shard.number, shard.progress.position)
        moves.follow(senders)
        return lane

    holder = Holder(
        ctx.bus,
        kind="lane",
        count=ctx.bus_settings.lanes,
        service="router",
        instance=ctx.instance,
        open_shard=open_lane,
        lease_seconds=ctx.bus_settings.lease_seconds,
    )
    await holder.start()
    # First in the drain: lanes are given back while everything they need still works.
    ctx.on_drain(holder.stop)
    loop = asyncio.get_running_loop()
    # More routers than lanes: who has none when the leases have settled is ready to take over.
    settled = loop.time() + 2 * ctx.bus_settings.lease_seconds
    ctx.ready("lanes", lambda: bool(holder.shards) or loop.time() > settled)


def _office(ctx: Context[Settings], directory: Directory, facts: FactsWriter, blocklists: Blocklists) -> Office:
    settings, domain = ctx.settings, ctx.server.domain
    conference = f"conference.{domain}"
    # Profile zero stores nothing, whatever else is set.
    full = ctx.server.profile == "full"
    archive, waits = full and ctx.archive.enabled, full and ctx.archive.offline
    return Office(
        directory=directory,
        hosts=Hosts(
            domain,
            conference,
            frozenset(ANSWERS),
            frozenset(ORDERS),
            (mam.REQUESTS if archive else frozenset()) | (offline.REQUESTS if waits else frozenset()),
            archive,
            waits,
            blocking.COMMANDS,
            blocklists.blocks,
            settings.returns_max,
        ),
        server=Server(
            domain=domain,
            conference=conference,
            version=version("natter-router"),
            started_us=now_us(),
            name=settings.name,
            os=platform.system() if settings.tell_os else "",
            features=(*FEATURES, *settings.features, *(offline.FEATURES if waits else ())),
            account_features=mam.features(search=ctx.archive.search) if archive else (),
        ),
        subjects=Subjects(ctx.bus_settings.user_shards, ctx.bus_settings.room_shards, ctx.bus_settings.archive_shards),
        attention=Attention(everybody=archive, blocklists=blocklists.lists),
        orders=Orders(blocklists, directory),
        facts=facts,
        now_us=now_us,
        waiting_bytes_max=settings.waiting_bytes_max,
    )


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
