"""A shard whose database is away."""

from __future__ import annotations

import asyncio

from archiveworld import ALICE, LOG, World, until
from natter.archive.standin import StandIn
from natter.bus.api import Entry
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.bus.shard import Shard

QUERY = "{urn:xmpp:mam:2}query"
ASK = "<query xmlns='urn:xmpp:mam:2'/>"


async def test_who_asks_is_told_and_nothing_is_passed_by(world: World) -> None:
    await world.bind(f"{ALICE}/a")
    restarted, back = asyncio.Event(), asyncio.Event()
    shard = Shard("archive", 0, "archive.0", Progress(0), 0, restarted.set)
    standin = StandIn(shard, world.directory, Senders(world.bus, "archive.0", "test"), back.wait)
    entry = await world.log(world.message("1"), world.iq(QUERY, ASK), world.iq(QUERY, ASK, sender="gone@localhost/x"))
    standin.take(Entry(LOG, 1, b"\xff"))
    standin.take(entry)
    while not (answers := await world.delivered()):
        await asyncio.sleep(0.005)
    (error,) = answers
    assert b"internal-server-error" in error.stanza and b'type="wait"' in error.stanza
    assert shard.progress.position == 0 and not restarted.is_set()
    back.set()
    await until(restarted.is_set)
    await standin.close()
