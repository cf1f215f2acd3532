"""The composition root: a whole muc service in this process."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

from natter.muc.app import HOST, app, now_us
from natter.muc.settings import Settings
from natter.runtime.sections import BusSection, Server


async def test_it_holds_all_shards_and_serves_rooms(hall, bus) -> None:
    await hall._feed.stop()
    await hall.worker.close()
    hall.worker = None
    drains = []
    ctx = SimpleNamespace(
        bus=bus,
        settings=Settings(),
        server=Server(),
        bus_settings=BusSection(room_shards=1, lease_seconds=1.0),
        instance="muc-1",
        log=logging.getLogger("test"),
        on_drain=drains.append,
        ready=lambda name, check: None,
    )
    await app(ctx)
    guest = await hall.login("u0@localhost/r")
    hall.join(guest, "den@conference.localhost", "n0")
    async with asyncio.timeout(30):
        await hall.until(lambda: len(guest.got) == 2)
    assert guest.got[0].get("from") == "den@conference.localhost/n0"
    for step in reversed(drains):
        await step()
    assert HOST.format("a") == "conference.a"
    assert now_us() > 1_700_000_000_000_000
