"""Composition of the metrics service: the bus into ClickHouse, and a page that shows it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path

from natter.bus.instances import told
from natter.bus.lease import Leases
from natter.runtime import process
from natter.runtime.addresses import parse
from natter.runtime.ops import HttpServer
from natter.storage.clickhouse import ClickHouse, Place
from natter.storage.stanza_events import Naming
from natter.telemetry.setup import key_of

from . import lag
from .dashboard import Dashboard, Sessions
from .deletioncost import GATEWAY, LEASE, Writer
from .ingest import Ingest
from .overview import Overviews
from .pods import Pods
from .settings import Settings
from .site import site

# About 10 MB.
PSEUDONYMS_KEPT_MAX = 50_000


async def app(ctx: process.Context[Settings]) -> None:
    """Start everything. Ready without ClickHouse: it may come later, rows wait on the bus."""
    settings, data = ctx.settings, Path(ctx.server.data)
    key = key_of(ctx.telemetry_settings, data)
    domain = ctx.server.domain
    # The same people write again and again: a hash each would be most of the work.
    number = lru_cache(PSEUDONYMS_KEPT_MAX)(key.number)
    naming = Naming(number=number, epoch=key.epoch, domain=domain, rooms=f"@conference.{domain}")
    place = Place(settings.clickhouse_url.get_secret_value(), data)
    ingest = Ingest(
        ctx.bus,
        lambda: ClickHouse.open(place),
        naming,
        rows_max=settings.rows_per_insert_max,
        insert_seconds=settings.insert_seconds,
        retry_seconds_max=settings.retry_seconds_max,
    )
    overviews = Overviews(lambda: ingest.clickhouse, now)
    sessions = Sessions(partial(told, ctx.bus, GATEWAY), now)
    dashboard = Dashboard(lambda: ingest.clickhouse, now, sessions, domain, lambda: ingest.failing)
    address = parse(settings.http, "metrics.http")
    pages = site(overviews, dashboard, domain=domain, failing=lambda: ingest.failing)
    server = HttpServer(pages, address.host, address.port)
    await server.start()
    ctx.endpoint("http", server.address)
    work = ctx.background(ingest.run(), "ingest")
    ctx.background(lag.watch(ctx.bus, lambda: ingest.position), "lag")
    ctx.background(sessions.run(), "sessions")
    if settings.pod_costs:
        start_pod_costs(ctx)

    async def drain() -> None:
        await server.stop()
        ingest.stop()
        await work
        if ingest.clickhouse is not None:
            await ingest.clickhouse.close()

    ctx.on_drain(drain)


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def start_pod_costs(ctx: process.Context[Settings]) -> None:
    """Compete to be the one that tells Kubernetes which gateway is the emptiest."""
    pods, seconds = Pods(), ctx.bus_settings.lease_seconds
    leases = Leases(ctx.bus, ctx.instance, seconds=seconds)
    writer = Writer(ctx.bus, leases, pods.annotate, ctx.settings.pod_costs_seconds, seconds)
    work = ctx.background(writer.run(), "pod costs")

    async def drain() -> None:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await leases.release(LEASE)
        await pods.close()

    ctx.on_drain(drain)
