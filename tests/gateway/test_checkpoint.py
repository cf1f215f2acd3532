"""What a gateway writes for its heirs."""

from __future__ import annotations

import asyncio
from typing import Any
from zlib import crc32

from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.bus.subjects import CHECKPOINTS
from natter.gateway import checkpoint as module
from natter.gateway import resumption
from natter.gateway.resumption import hashed
from natter.gateway.session import Held
from natter.proto.v1 import bus_pb2

World = Any
SM = "urn:xmpp:sm:3"
R = f"<r xmlns='{SM}'/>"


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def parts(bus: MemoryBus, running: Any) -> list[bus_pb2.Checkpoint]:
    values = await Bucket(bus, CHECKPOINTS).values(f"{running.gateway.incarnation}.*")
    return [bus_pb2.Checkpoint.FromString(value.value) for value in values]


async def managed(world: World, running: Any, user: str, resource: str = "r") -> tuple[Any, str]:
    client = await world.login(running, user, resource)
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    return client, (await client.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)


async def test_there_is_one_before_anybody_can_log_in(world: World, memory: MemoryBus) -> None:
    gateway = await world.gateway(checkpoint_seconds=60)
    assert [len(part.sessions) for part in await parts(memory, gateway)] == [0]


async def test_counts_places_and_marks(world: World, memory: MemoryBus) -> None:
    gateway = await world.gateway(checkpoint_seconds=60)
    alice, previd = await managed(world, gateway, "alice")
    bob = await world.login(gateway, "bob", "b")
    bob.send(chat("alice@localhost/r", "one") + chat("alice@localhost/r", "two") + chat("alice@localhost/r", "three"))
    await alice.until("three")
    alice.send(f"<a xmlns='{SM}' h='1'/>" + chat("bob@localhost/b", "x") * 2 + R)
    await alice.until("<a ")
    await gateway.checkpoints.write()
    head, part = await parts(memory, gateway)
    assert not head.sessions and head.delivered <= part.delivered
    [state] = part.sessions
    assert (state.session, state.inbound, state.acknowledged, len(state.places)) == (
        gateway.gateway.resumable[hashed(previd)].id,
        2,
        1,
        2,
    )
    assert part.delivered >= max(state.places) >> 16 > 0
    assert part.lane_sequence > 0
    assert [mark.source for mark in part.marks] == ["lane.0"]


async def test_nothing_is_written_where_nothing_has_changed(world: World, memory: MemoryBus) -> None:
    gateway = await world.gateway(checkpoint_seconds=60)
    await gateway.checkpoints.write()
    before = await memory.last_sequence(f"KV_{CHECKPOINTS}")
    await gateway.checkpoints.write()
    assert await memory.last_sequence(f"KV_{CHECKPOINTS}") == before


async def test_many_sessions_are_several_parts(world: World, memory: MemoryBus, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "PART_BYTES_MAX", 100)
    gateway = await world.gateway(checkpoint_seconds=60)
    clients = [await managed(world, gateway, "alice", f"r{n}") for n in range(6)]
    await gateway.checkpoints.write()
    found = await parts(memory, gateway)
    assert len(found) > 1
    assert len({state.session for part in found for state in part.sessions}) == 6
    for client, _ in clients:
        await client.close()
    await world.router.until(lambda: not gateway.gateway.resumable)
    await gateway.checkpoints.write()
    assert [len(part.sessions) for part in await parts(memory, gateway)] == [0]


async def test_many_sessions_do_not_stop_the_loop(world: World, memory: MemoryBus, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "PART_SESSIONS", 2)
    monkeypatch.setattr(module, "DEALT_SESSIONS", 3)
    gateway = await world.gateway(checkpoint_seconds=60)
    for number in range(9):
        await managed(world, gateway, "alice", f"r{number}")
    turns: list[int] = []
    counting = asyncio.create_task(count(turns))
    found = await gateway.checkpoints._parts()
    # Eight parts, and three hands dealt.
    assert len(turns) >= 7 + 2
    counting.cancel()
    # Each in one part, and in one of the same name next time.
    where = {state.session: name for name, part in found.items() for state in part.sessions}
    assert len(where) == 9 and next(iter(found)) == "head" and len(set(where.values())) > 2
    again = await gateway.checkpoints._parts()
    assert where == {state.session: name for name, part in again.items() for state in part.sessions}


async def count(turns: list[int]) -> None:
    """One entry for every turn of the loop."""
    while True:
        turns.append(len(turns))
        await asyncio.sleep(0)


async def test_who_goes_or_comes_while_it_is_written_is_in_the_log_or_in_the_one_before(
    world: World, memory: MemoryBus, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "PART_SESSIONS", 1)
    gateway = await world.gateway(checkpoint_seconds=60)
    ids = [(await managed(world, gateway, "alice", f"r{number}"))[1] for number in range(4)]
    sessions = [gateway.gateway.resumable[hashed(id)] for id in ids]
    await gateway.checkpoints.write()
    writing = asyncio.create_task(gateway.checkpoints.write())
    await asyncio.sleep(0)
    # One more has been dealt its part by now, and goes before that is made.
    last = max(sessions, key=lambda session: crc32(session.id.encode()) % 4)
    resumption.moved(gateway.gateway, last)
    await writing
    found = await Bucket(memory, CHECKPOINTS).values(f"{gateway.gateway.incarnation}.*")
    parts_by_name = {value.key: bus_pb2.Checkpoint.FromString(value.value) for value in found}
    told = {s.session: name for name, part in parts_by_name.items() for s in part.sessions}
    assert told.keys() == {session.id for session in sessions}
    assert module.DEPARTED in told[last.id]


async def test_what_is_not_stored_is_not_counted(world: World, memory: MemoryBus) -> None:
    gateway = await world.gateway(checkpoint_seconds=60)
    alice, previd = await managed(world, gateway, "alice")
    alice.send("<presence/>" + chat("bob@localhost/b", "x") + R)
    await alice.until(f"<a xmlns='{SM}' h='2'/>")
    session = gateway.gateway.resumable[hashed(previd)]
    assert gateway.checkpoints._state(session).inbound == 2
    # Two more wait for the directory.
    session.inbound = 4
    session.held += [Held(bus_pb2.Frame(inbound=3)), Held(bus_pb2.Frame(inbound=4))]
    assert gateway.checkpoints._state(session).inbound == 2
    session.held.clear()
