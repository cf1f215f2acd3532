"""The composition root of muc: directory, list of rooms, and the shards this instance holds."""

from __future__ import annotations

from functools import partial
from time import time_ns

from natter.bus import subjects
from natter.bus.blocklists import Blocklists
from natter.bus.directory import Directory
from natter.bus.facts import FactsWriter
from natter.bus.holder import Holder
from natter.bus.journal import Journal
from natter.bus.kv import bucket_spec, ensure
from natter.bus.snapshot import Snapshots
from natter.runtime import process

from .desk import Desk
from .opening import open_shard
from .rates import Rates
from .roomlist import BUCKET, RoomList
from .rooms import Rooms
from .sealing import Seal
from .settings import Settings
from .shardwork import Office
from .strangers import Strangers

HOST = "conference.{}"


def now_us() -> int:
    """The wall clock in microseconds."""
    return time_ns() // 1000


async def app(ctx: process.Context[Settings]) -> None:
    """Hold room shards until told to stop."""
    for name in (subjects.POSITIONS, subjects.SNAPSHOTS, BUCKET):
        await ensure(ctx.bus, bucket_spec(name, replicas=ctx.bus_settings.replicas))
    directory = Directory(ctx.bus)
    await directory.start()
    blocklists = Blocklists(ctx.bus)
    await blocklists.start()
    strangers = Strangers(ctx.bus, directory)
    blocklists.on_change(lambda owner, before, after: strangers.changed())
    roomlist = RoomList(ctx.bus)
    await roomlist.start()
    seal = Seal() if ctx.server.profile == "full" else Seal(ctx.bus)
    await seal.ready()
    facts = FactsWriter(ctx.bus, ctx.instance)
    office = Office(
        bus=ctx.bus,
        directory=directory,
        strangers=strangers,
        roomlist=roomlist,
        settings=ctx.settings,
        instance=ctx.instance,
        host=HOST.format(ctx.server.domain),
        blocks=blocklists.blocks,
        shards=ctx.bus_settings.room_shards,
        now_us=now_us,
        rates=Rates(ctx.settings.rates()) if ctx.server.rate_limits else None,
        room_days=ctx.bus_settings.room_days,
        keep_words=ctx.server.profile == "full",
        seal=seal,
        facts=facts,
    )
    holder = Holder(
        ctx.bus,
        kind="room",
        count=ctx.bus_settings.room_shards,
        service="muc",
        instance=ctx.instance,
        open_shard=partial(open_shard, office),
        lease_seconds=ctx.bus_settings.lease_seconds,
    )
    desk = Desk(office, Rooms(Journal(ctx.bus), Snapshots(ctx.bus), loaded_max=1, seal=seal))
    for verb, handler in desk.handlers().items():
        ctx.bus.respond(subjects.rpc("muc", verb), handler)
    ctx.on_drain(facts.close)
    ctx.on_drain(directory.stop)
    ctx.on_drain(blocklists.stop)
    ctx.on_drain(roomlist.stop)
    ctx.on_drain(holder.stop)
    await holder.start()
