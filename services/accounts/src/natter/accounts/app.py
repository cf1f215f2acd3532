"""Composition of the accounts service: requests on core NATS by FastStream, the account shard, the book behind both."""

from __future__ import annotations

import logging
import secrets
import time
from functools import partial
from pathlib import Path

from faststream import AckPolicy
from faststream.nats import NatsBroker, NatsMessage
from natter.bus.api import Handler
from natter.bus.directory import gateway_of
from natter.bus.holder import Holder, Shard
from natter.bus.sender import Senders
from natter.bus.subjects import rpc
from natter.runtime import process
from natter.runtime.addresses import parse
from natter.runtime.ops import HttpServer

from .book import Book
from .fakes import load_secret
from .handlers import handlers
from .keys import Deriver
from .removals import Follower, Teller
from .settings import Settings
from .shard import AccountShard
from .where.desk import Desk
from .where.logs import Logs
from .where.site import site, token_of

SERVICE = "accounts"
# Asked at every login: served by the bus itself, which takes half of what FastStream takes.
OFTEN = "credentials"
# Requests of one verb under work at once; further ones wait in the NATS client, which is bounded itself.
REQUESTS_AT_ONCE_MAX = 32


async def app(ctx: process.Context[Settings]) -> None:
    """Start everything; returns when requests are answered."""
    settings = ctx.settings
    secret = await load_secret(ctx.bus, replicas=ctx.bus_settings.replicas)
    deriver = Deriver(
        iterations=settings.scram_iterations, threads=settings.key_threads, waiting_max=settings.keys_waiting_max
    )
    tell = Teller(ctx.bus, domain=ctx.server.domain, user_shards=ctx.bus_settings.user_shards).tell
    book = Book(ctx.bus, deriver, secret=secret, iterations=settings.scram_iterations, now_us=now_us, tell=tell)

    async def open_shard(shard: Shard) -> AccountShard:
        follower = Follower(ctx.bus, tell, failed=shard.restart)
        await follower.start()
        return AccountShard(
            shard,
            book=book,
            find=partial(gateway_of, ctx.bus),
            senders=Senders(ctx.bus, f"account.{shard.number}", f"{ctx.instance}-{secrets.token_hex(4)}"),
            changes_allowed=settings.in_session_changes,
            entries_max=settings.stanzas_waiting_max,
            follower=follower,
        )

    holder = Holder(
        ctx.bus,
        kind="account",
        count=1,
        service=SERVICE,
        instance=ctx.instance,
        open_shard=open_shard,
        lease_seconds=ctx.bus_settings.lease_seconds,
    )
    broker = ctx.broker()
    for verb, handler in handlers(book, names_max=settings.accounts_listed_max).items():
        if verb == OFTEN:
            ctx.bus.respond(rpc(SERVICE, verb), handler)
        else:
            serve(broker, verb, handler)
    desk = Desk(Logs(ctx.bus), now_us)
    ctx.bus.respond(rpc(SERVICE, "where"), desk.handle)
    if settings.admin:
        await administration(ctx, desk)
    # FastStream logs every message at info.
    logging.getLogger("faststream").setLevel(logging.WARNING)
    await broker.start()
    await holder.start()

    async def drain() -> None:
        await broker.stop()
        await holder.stop()
        deriver.close()

    ctx.on_drain(drain)


async def administration(ctx: process.Context[Settings], desk: Desk) -> None:
    """Serve the administration listener until the drain."""
    address = parse(ctx.settings.admin, "accounts.admin")
    token = token_of(ctx.settings.admin_token.get_secret_value(), Path(ctx.server.data))
    server = HttpServer(site(desk, token), address.host, address.port)
    await server.start()
    ctx.endpoint("admin", server.address)
    ctx.on_drain(server.stop)


def serve(broker: NatsBroker, verb: str, handler: Handler) -> None:
    """Answer a verb together with the other instances: each request goes to one of them."""

    async def answer(payload: bytes) -> bytes:
        return await handler(payload)

    # Core NATS knows no acknowledgement, and the handler turns every exception into an answer: nothing to decide here.
    broker.subscriber(
        rpc(SERVICE, verb),
        queue=SERVICE,
        max_workers=REQUESTS_AT_ONCE_MAX,
        ack_policy=AckPolicy.MANUAL,
        decoder=body,
    )(answer)


async def body(message: NatsMessage) -> bytes:
    """The payload as it came: FastStream would otherwise read what looks like JSON as JSON."""
    return bytes(message.body)


def now_us() -> int:
    """Unix time in microseconds."""
    return time.time_ns() // 1000
