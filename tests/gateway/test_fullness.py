"""Full js_streams: clients are told so, nothing is acknowledged that is not stored, and it passes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from gate import Gate
from natter.bus import subjects
from natter.bus.api import StreamFull
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.gateway.fullness import Fullness

World = Any
SM = "urn:xmpp:sm:3"


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>"


async def test_a_full_lane_is_answered_with_resource_constraint_until_it_is_over(world: World) -> None:
    gateway = await world.gateway()
    alice, bob = await world.login(gateway, "alice", "a"), await world.login(gateway, "bob", "b")
    alice.send(f"<enable xmlns='{SM}' resume='true'/>")
    await alice.until("<enabled")
    gate = Gate(world.bus)
    gate.error, gate.shut = StreamFull, {"natter.lane."}
    alice.send(chat("bob@localhost/b", "accepted") + f"<r xmlns='{SM}'/>")
    await gate.tried()
    await world.router.until(lambda: gateway.gateway.refusing)
    alice.send(chat("bob@localhost/b", "refused"))
    error = await alice.until("<message[^>]*type='error'.*?</message>")
    assert "<resource-constraint" in error.group(0) and 'type="wait"' in error.group(0)
    assert "id='refused'" in error.group(0)
    # Nobody is told that the first is safe: it is not yet.
    assert f"<a xmlns='{SM}'" not in alice.text
    gate.shut.clear()
    await bob.until("accepted")
    await alice.until(f"<a xmlns='{SM}' h='1'/>")
    await world.router.until(lambda: not gateway.gateway.refusing)
    alice.send(chat("bob@localhost/b", "afterwards") + f"<r xmlns='{SM}'/>")
    assert "refused" not in (await bob.until("<body>afterwards")).string
    await alice.until(f"<a xmlns='{SM}' h='3'/>")


@pytest.mark.parametrize("stream", [subjects.DELIVERIES, subjects.SHARDS, subjects.ARCHIVE, subjects.JOURNALS])
async def test_what_could_go_nowhere_is_not_accepted(world: World, memory: MemoryBus, stream: str) -> None:
    gateway = await world.gateway()
    fullness = Fullness(gateway.gateway, 600.0)
    [spec] = [s for s in subjects.streams() if s.name == stream]
    await memory.ensure_stream(replace(spec, bytes_max=100_000))
    subject = {
        subjects.DELIVERIES: subjects.deliver("other"),
        subjects.SHARDS: subjects.shard("user", 0),
        subjects.JOURNALS: subjects.journal("room", "r"),
        subjects.ARCHIVE: "natter.archive.0",
    }[stream]
    for size, refusing in ((90_000, False), (5_100, True)):
        await memory.publish(subject, bytes(size))
        await fullness.look()
        assert bool(gateway.gateway.refusing) is refusing
    # Not to and fro.
    await memory.ensure_stream(replace(spec, bytes_max=104_000))
    await fullness.look()
    assert gateway.gateway.refusing
    await memory.purge(stream, subject)
    await fullness.look()
    assert not gateway.gateway.refusing


async def test_a_lane_that_nobody_routes_for_long_takes_no_more(world: World, memory: MemoryBus) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a")
    fullness = Fullness(gateway.gateway, 0.4)
    alice.send(chat("bob@localhost/b", "one"))
    await world.router.until(lambda: gateway.gateway.lane.last_sequence)
    await fullness.look()
    assert not gateway.gateway.refusing
    await asyncio.sleep(0.21)
    await fullness.look()
    assert gateway.gateway.refusing
    key = f"lane.{gateway.gateway.binding.lane_number}"
    await Bucket(memory, subjects.POSITIONS).put(key, f"{gateway.gateway.lane.last_sequence} a note".encode())
    await fullness.look()
    assert not gateway.gateway.refusing
    # Idle for ever is no lag.
    await asyncio.sleep(0.21)
    await fullness.look()
    assert not gateway.gateway.refusing


async def test_sockets_rest_instead_of_memory_filling(world: World) -> None:
    gateway = await world.gateway(waiting_bytes_max=1 << 16)
    alice = await world.login(gateway, "alice", "a")
    alice.send(f"<enable xmlns='{SM}'/>")
    await alice.until("<enabled")
    gate = Gate(world.bus)
    gate.error, gate.shut = StreamFull, {"natter."}
    # Its refusals go through the log, which takes nothing either.
    stanza = "<iq type='get' to='bob@localhost/b' id='1'><a xmlns='b'/></iq>" * 50

    async def flood() -> None:
        while True:
            alice.send(stanza)
            await alice.writer.drain()

    flooding = asyncio.create_task(flood())
    await world.router.until(lambda: gateway.gateway.congested)
    waiting = gateway.gateway.lane.waiting_bytes + gateway.gateway.own.waiting_bytes
    await asyncio.sleep(0.2)
    assert gateway.gateway.lane.waiting_bytes + gateway.gateway.own.waiting_bytes == waiting < 1 << 19
    assert not flooding.done()
    flooding.cancel()
    gate.shut.clear()
    await world.router.until(lambda: not gateway.gateway.congested)
