"""The gateway from start to stop, and where its parts come from."""

from __future__ import annotations

import asyncio
from typing import Any
from zlib import crc32

import pytest
from natter.bus import subjects
from natter.bus.instances import alive
from natter.bus.memory import MemoryBus
from natter.gateway.app import context_of, lane_of, stream_config
from natter.gateway.settings import Settings
from natter.proto.v1 import bus_pb2
from natter.runtime.sections import Server
from natter.runtime.settings import SettingsError

World = Any


def test_the_lane_comes_from_the_name_or_the_setting() -> None:
    assert lane_of("gateway-1-aaaa", 4, Settings()) == crc32(b"gateway-1-aaaa") % 4
    assert lane_of("gateway-1-aaaa", 4, Settings(lane=3)) == 3
    with pytest.raises(SettingsError):
        lane_of("gateway-1-aaaa", 4, Settings(lane=4))


def test_without_a_certificate_there_is_no_service_unless_plaintext_is_allowed() -> None:
    assert context_of(Server(allow_plaintext=True)) is None
    with pytest.raises(SettingsError):
        context_of(Server())


def test_what_a_stream_is_told() -> None:
    config = stream_config(Settings(preauth_bytes_max=5000, stanza_bytes_max=20_000), Server(), tls_available=True)
    assert (config.before.total_bytes_max, config.after.stanza_bytes_max, config.after.total_bytes_max) == (
        5000,
        20_000,
        0,
    )
    assert config.tls_required
    assert not config.registration
    assert "urn:xmpp:features:rosterver" in config.features


async def test_it_says_that_it_lives_and_where_it_listens(world: World, memory: MemoryBus) -> None:
    running = await world.gateway()
    assert await alive(memory, "gateway") == [running.gateway.incarnation]
    assert set(running.addresses) == {"c2s", "c2s_tls"}
    assert all(address.port for address in running.addresses.values())
    await running.stop()
    assert await alive(memory, "gateway") == []


async def test_two_processes_share_a_port(world: World) -> None:
    one = await world.gateway()
    two = await world.gateway(c2s=str(one.addresses["c2s"]))
    assert two.addresses["c2s"] == one.addresses["c2s"]


async def test_a_drain_ends_every_stream_and_leaves_nothing_behind(world: World) -> None:
    running = await world.gateway()
    clients = [await world.login(running, "alice", f"r{n}", presence=True) for n in range(5)]
    waiting = await world.connect(running)
    await waiting.features()
    tls = await world.connect(running, direct=True)
    await tls.login("bob", "secret", presence=False)
    clients[0].send("".join(f"<message to='carol@localhost' id='{n}'/>" for n in range(100)))
    await world.router.until(lambda: len(world.router.of(clients[0].jid)) > 1)
    await running.stop()
    for client in (*clients, waiting, tls):
        assert "<system-shutdown" in await client.until_closed()
    assert not list(world.directory.all())
    for client in clients:
        said = world.router.of(client.jid)
        assert [f.ended for f in said] == [False] * (len(said) - 1) + [True]
    numbers = [int(f.id) for f in world.router.of(clients[0].jid) if f.id]
    assert numbers == list(range(len(numbers)))
    with pytest.raises(OSError):
        await world.connect(running)


async def test_what_is_delivered_during_the_drain_goes_back(world: World) -> None:
    running = await world.gateway(linger_seconds=0.3)
    client = await world.login(running, "alice", "r")
    session = world.directory.get(client.jid).session
    world.router.delivers = False
    stopping = asyncio.create_task(running.stop())
    await world.router.until(lambda: world.directory.get(client.jid) is None)
    late = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", id="late", sessions=[session], stanza=b"<message/>")
    world.router.send(running.gateway.incarnation, late)
    await stopping
    assert [f.returned for f in world.router.frames if f.id == "late"] == [1]


async def test_a_drain_while_the_bus_is_away_has_an_end(world: World, memory: MemoryBus) -> None:
    running = await world.gateway(drain_seconds_max=0.2)
    await world.login(running, "alice", "r")
    memory.disconnect()
    async with asyncio.timeout(30):
        await running.stop()


async def test_deliveries_that_came_before_are_not_lost(world: World, memory: MemoryBus) -> None:
    running = await world.gateway()
    alice = await world.login(running, "alice", "r")
    memory.disconnect()
    frame = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=b"<message><body>kept</body></message>")
    frame.sessions.append(world.directory.get(alice.jid).session)
    payload = bus_pb2.Envelope(source="lane.1", frames=[frame]).SerializeToString()
    memory.reconnect()
    await memory.publish(subjects.deliver(running.gateway.incarnation), payload)
    await alice.until("<body>kept</body>")
