"""The router on a bus: from natter.lane.<n> to natter.deliver.<gateway> and the shards, on both backends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, Entry
from natter.bus.directory import Directory
from natter.proto.v1.bus_pb2 import Envelope, Frame, SessionRecord
from natter.router.app import app, now_us
from natter.router.settings import Settings
from natter.runtime.process import Context
from natter.runtime.sections import ArchiveSection, BusSection, RuntimeSection, Server, TelemetrySection

LANES = 2
SECONDS_MAX = 30.0
BOB = "bob@example.com/x"


def context(bus: Bus, instance: str = "router-1", *, keep: bool = False, **settings: Any) -> Context[Settings]:
    return Context(
        "router",
        instance,
        Settings(**settings),
        Server(domain="example.com"),
        BusSection(lanes=LANES, lease_seconds=0.5),
        TelemetrySection(),
        RuntimeSection(),
        bus,
        logging.getLogger("test"),
        asyncio.Event(),
        archive=ArchiveSection.model_validate({"enabled": keep, "offline": keep}),
    )


@asynccontextmanager
async def running(
    bus: Bus, instance: str = "router-1", *, keep: bool = False, **settings: Any
) -> AsyncIterator[Context[Settings]]:
    """A router that is ready; drained at the end. `keep`: with archive and offline storage."""
    ctx = context(bus, instance, keep=keep, **settings)
    await app(ctx)
    async with asyncio.timeout(SECONDS_MAX):
        while ctx.not_ready():
            await asyncio.sleep(0.01)
    yield ctx
    for step in reversed(ctx.drains):
        await step()


class Log:
    """What arrives on some subjects of a js_stream."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str, Frame]] = []
        self._arrived = asyncio.Event()

    async def follow(self, bus: Bus, stream: str, *subjects: str) -> Log:
        await bus.subscribe(stream, subjects, self._take)
        return self

    def _take(self, entry: Entry) -> None:
        envelope = Envelope.FromString(entry.payload)
        self.frames += [(entry.subject, envelope.source, frame) for frame in envelope.frames]
        self._arrived.set()

    async def wait(self, n: int) -> list[tuple[str, str, Frame]]:
        """The first n frames."""
        async with asyncio.timeout(SECONDS_MAX):
            while len(self.frames) < n:
                self._arrived.clear()
                await self._arrived.wait()
        return self.frames[:n]


async def bind(directory: Directory, jid: str, gateway: str) -> None:
    record = SessionRecord(session=f"s:{jid}", gateway=gateway, jid=jid, available=True, bound_us=1)
    await directory.create(record)


async def say(bus: Bus, number: int, *frames: Frame) -> int:
    return await bus.publish(subjects.lane(number), Envelope(source="g1", frames=frames).SerializeToString())


@pytest.fixture
async def directory(bus: Bus) -> AsyncIterator[Directory]:
    made = Directory(bus)
    await made.start()
    await bind(made, "alice@example.com/phone", "g1")
    await bind(made, BOB, "g2")
    yield made
    await made.stop()


async def test_from_lane_to_deliveries_and_shards(bus: Bus, directory: Directory, frames: Any) -> None:
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.*")
    work = await Log().follow(bus, subjects.SHARDS, "natter.shard.*.*")
    async with running(bus):
        sequence = await say(
            bus,
            0,
            frames("message", BOB, "chat", inside="<body>hi</body>"),
            frames("presence"),
            frames.query("{urn:xmpp:ping}ping", "example.com"),
            frames("message", "carol@example.com", "chat"),
        )
        delivered = await deliveries.wait(3)
        (handed,) = await work.wait(1)
    by_gateway: dict[str, list[Frame]] = {}
    for subject, source, frame in delivered:
        assert source.partition("~")[0] == "lane.0" and frame.sequence == sequence
        by_gateway.setdefault(subject, []).append(frame)
    (to_bob,) = by_gateway["natter.deliver.g2"]
    assert list(to_bob.sessions) == [f"s:{BOB}"] and b"hi" in to_bob.stanza
    assert [(f.type, f.index) for f in by_gateway["natter.deliver.g1"]] == [("result", 32), ("error", 48)]
    assert handed[0].startswith("natter.shard.user.") and handed[2].session == "s-phone"


async def test_every_lane_keeps_its_order(bus: Bus, directory: Directory, frames: Any) -> None:
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g2")
    numbers = range(100)
    async with running(bus):
        for n in numbers:
            for lane in range(LANES):
                await say(bus, lane, frames("message", BOB, "chat", id=f"{lane}.{n}"))
        arrived = await deliveries.wait(len(numbers) * LANES)
    for lane in range(LANES):
        ids = [f.id for _, source, f in arrived if source.partition("~")[0] == f"lane.{lane}"]
        assert ids == [f"{lane}.{n}" for n in numbers]


async def test_what_was_said_while_nobody_routed(bus: Bus, directory: Directory, frames: Any) -> None:
    await say(bus, 1, frames("message", BOB, "chat", id="early"))
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g2")
    async with running(bus):
        await deliveries.wait(1)
    # Drained: the position is saved, the next router repeats nothing.
    async with running(bus, "router-2"):
        await say(bus, 1, frames("message", BOB, "chat", id="late"))
        arrived = await deliveries.wait(2)
    assert [f.id for _, _, f in arrived] == ["early", "late"]


async def test_two_routers_share_the_lanes(bus: Bus, directory: Directory, frames: Any) -> None:
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g2")
    async with running(bus, "router-1"), running(bus, "router-2"):
        for lane in range(LANES):
            await say(bus, lane, frames("message", BOB, "chat", id=f"{lane}"))
        arrived = await deliveries.wait(LANES)
    assert {f.id for _, _, f in arrived} == {"0", "1"}


async def test_poison_does_not_stop_a_lane(bus: Bus, directory: Directory, frames: Any) -> None:
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g2")
    bad = frames.query("{urn:xmpp:ping}ping", "example.com")
    bad.stanza = b"<iq"
    async with running(bus):
        await bus.publish(subjects.lane(0), b"\xff\xff")
        await say(bus, 0, bad, frames("message", BOB, "chat", id="after"))
        ((_, _, frame),) = await deliveries.wait(1)
    assert frame.id == "after"


async def test_bounces_leave_rows(bus: Bus, directory: Directory, frames: Any) -> None:
    async with running(bus):
        deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g1")
        await say(bus, 0, frames("message", "carol@example.com", "chat"))
        await deliveries.wait(1)
    # The drain has flushed them.
    (row,) = await bus.read(subjects.FACTS, "natter.facts.>")
    assert b"bounced" in row.payload and b"carol@example.com" in row.payload


async def test_what_is_kept_goes_to_the_archive_and_has_its_id(bus: Bus, directory: Directory, frames: Any) -> None:
    deliveries = await Log().follow(bus, subjects.DELIVERIES, "natter.deliver.g2")
    kept = await Log().follow(bus, subjects.ARCHIVE, "natter.archive.*")
    async with running(bus, keep=True):
        await say(bus, 0, frames("message", BOB, "chat"), frames("message", "carol@example.com", "chat"))
        ((_, _, delivered),) = await deliveries.wait(1)
        (_, _, first), (_, _, second) = await kept.wait(2)
    assert list(first.owners) == ["alice@example.com", "bob@example.com"] and not first.offline
    assert first.stanza_id == delivered.stanza_id and f"id='{first.stanza_id}'".encode() in delivered.stanza
    assert b"stanza-id" not in first.stanza
    assert (second.offline, list(second.owners)) == ("carol@example.com", ["alice@example.com", "carol@example.com"])


def test_now_us() -> None:
    assert 1_600_000_000_000_000 < now_us() < 10_000_000_000_000_000
