"""More is unacknowledged than memory holds: it stands in the log, and comes from there, in order and once."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import pytest
from gate import Gate
from natter.bus import subjects
from natter.bus.memory import MemoryBus
from natter.gateway import backlog as module
from natter.gateway.backlog import envelopes, frame_for, frames_at
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import LIMITS_HIT

World = Any
SM = "urn:xmpp:sm:3"
MANY = 5000


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def managed(world: World, running: Any) -> tuple[Any, str]:
    client = await world.login(running, "alice", "r")
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    return client, (await client.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)


async def detached(world: World, running: Any, client: Any, previd: str) -> Any:
    client.writer.transport.abort()
    session = running.gateway.resumable[hashed(previd)]
    await world.router.until(lambda: session.managed.expiry is not None)
    return session


async def again(world: World, running: Any, previd: str, h: int) -> Any:
    client = await world.connect(running)
    await client.features()
    plain = base64.b64encode(b"\0alice\0secret").decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success[^>]*/>|<success.*</success>")
    await client.features()
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='{h}'/>")
    await client.until("<resumed[^>]*>")
    return client


async def heard(client: Any, last: int, h: int) -> list[int]:
    """The numbers that the client hears, up to `last`; it acknowledges whenever it is asked."""
    numbers: list[int] = []
    while not numbers or numbers[-1] != last:
        found = await client.until(f"<body>n(\\d+)\\.</body>|<r xmlns='{SM}'/>")
        if found.group(1):
            numbers.append(int(found.group(1)))
        else:
            client.send(f"<a xmlns='{SM}' h='{h + len(numbers)}'/>")
    return numbers


async def sent(world: World, client: Any, start: int, end: int) -> None:
    """Some at a time: the router of this test holds them all in memory."""
    for at in range(start, end, 250):
        client.send("".join(chat("alice@localhost/r", f"n{n}.") for n in range(at, min(end, at + 250))))
        await client.writer.drain()
        await asyncio.sleep(0)


async def test_five_thousand_arrive_once_and_in_order_after_resuming(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    session = await detached(world, gateway, alice, previd)
    await sent(world, bob, 0, MANY)
    outbox = session.outbox
    await world.router.until(lambda: outbox.queue_stanzas + len(outbox.backlog) == MANY, seconds=30)
    assert outbox.queue_stanzas <= 1000 and len(outbox.backlog) >= MANY - 1000
    client = await again(world, gateway, previd, 0)
    hearing = asyncio.create_task(heard(client, MANY + 9, 0))
    # What comes meanwhile stands behind it.
    await sent(world, bob, MANY, MANY + 10)
    assert await hearing == list(range(MANY + 10))
    assert outbox.queue_stanzas <= 1000 and not outbox.backlog
    # And from here on as ever.
    await sent(world, bob, 0, 1)
    assert await heard(client, 0, MANY + 10) == [0]


async def test_another_gateway_takes_all_of_it_over(world: World) -> None:
    limits = {"unacked_stanzas_max": 50, "checkpoint_seconds": 0.05}
    one, two = await world.gateway(**limits), await world.gateway(**limits)
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    session = await detached(world, one, alice, previd)
    await sent(world, bob, 0, 600)
    await world.router.until(lambda: session.outbox.queue_stanzas + len(session.outbox.backlog) == 600)
    client = await again(world, two, previd, 0)
    taken = two.gateway.resumable[hashed(previd)].outbox
    assert taken.queue_stanzas == 50 and len(taken.backlog) == 550
    assert await heard(client, 599, 0) == list(range(600))


async def test_a_connection_that_goes_in_the_middle_loses_nothing(world: World) -> None:
    gateway = await world.gateway(unacked_stanzas_max=20)
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    session = await detached(world, gateway, alice, previd)
    await sent(world, bob, 0, 300)
    await world.router.until(lambda: session.outbox.queue_stanzas + len(session.outbox.backlog) == 300)
    numbers: list[int] = []
    for last in (70, 71, 140, 299):
        client = await again(world, gateway, previd, len(numbers))
        numbers += await heard(client, last, len(numbers))
        await detached(world, gateway, client, previd)
    assert numbers == list(range(300))


async def test_when_the_session_ends_all_of_it_goes_back(world: World) -> None:
    gateway = await world.gateway(unacked_stanzas_max=20, returns_max=100)
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    session = await detached(world, gateway, alice, previd)
    await sent(world, bob, 0, 700)
    await world.router.until(lambda: session.outbox.queue_stanzas + len(session.outbox.backlog) == 700)
    gateway.gateway.leave(session)
    await world.router.until(lambda: world.directory.get("alice@localhost/r") is None, seconds=20)
    back = [f for f in world.router.frames if f.returned]
    assert [int(re.findall(rb"n(\d+)\.", f.stanza)[0]) for f in back] == list(range(700))


async def test_the_bus_is_away_while_it_is_read_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    gateway = await world.gateway(unacked_stanzas_max=20)
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    session = await detached(world, gateway, alice, previd)
    await sent(world, bob, 0, 100)
    await world.router.until(lambda: session.outbox.queue_stanzas + len(session.outbox.backlog) == 100)
    client = await again(world, gateway, previd, 0)
    world.bus.disconnect()
    client.send(f"<a xmlns='{SM}' h='20'/>")
    await world.router.until(lambda: session.outbox.reading)
    await asyncio.sleep(0.03)
    world.bus.reconnect()
    assert await heard(client, 99, 0) == list(range(100))


async def test_what_the_log_has_lost_is_counted_and_not_waited_for(world: World) -> None:
    gateway = await world.gateway(unacked_stanzas_max=20)
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    session = await detached(world, gateway, alice, previd)
    for number in range(60):
        await sent(world, bob, number, number + 1)
        await world.router.until(lambda n=number: session.outbox.queue_stanzas + len(session.outbox.backlog) > n)
    log = subjects.deliver(gateway.gateway.incarnation)
    cut = session.outbox.backlog[19] >> 16
    await world.bus.purge(subjects.DELIVERIES, log, below=cut + 1)
    before = LIMITS_HIT.values.get(("backlog",), 0)
    client = await again(world, gateway, previd, 0)
    numbers = await heard(client, 59, 0)
    assert numbers == [*range(20), *range(40, 60)]
    assert LIMITS_HIT.values["backlog",] == before + 20


async def test_entries_are_read_page_by_page(memory: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_ENTRIES", 3)
    subject = subjects.deliver("g1")
    for number in range(10):
        envelope = bus_pb2.Envelope(source="lane.0", frames=[bus_pb2.Frame(id=str(number), sessions=["s"])])
        await memory.publish(subject, envelope.SerializeToString())
    found = [(sequence, e.frames[0].id) async for sequence, e in envelopes(memory, "g1", [9, 2, 2, 5, 99])]
    assert found == [(2, "1"), (5, "4"), (9, "8")]
    assert {place >> 16: f.id for place, f in (await frames_at(memory, "g1", "s", [3 << 16, 7 << 16])).items()} == {
        3: "2",
        7: "6",
    }


def test_a_broadcast_is_whole_for_one() -> None:
    frame = bus_pb2.Frame(
        kind=bus_pb2.KIND_MESSAGE,
        type="groupchat",
        stanza=b"<message>x</message>",
        sessions=["a", "b"],
        tos=["a@x", "b@x"],
    )
    own = frame_for(frame, "b")
    assert (own.stanza, list(own.sessions), list(own.tos), own.to) == (b"<message to='b@x'>x</message>", ["b"], [], "")
    frame.type = "chat"
    assert frame_for(frame, "a").to == "a@x"
    assert list(frame.sessions) == ["a", "b"]


async def test_a_position_does_not_pass_what_is_on_its_way_back(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "r")
    bob = await world.login(gateway, "bob", "b")
    [session] = [s for s in gateway.gateway.sessions.values() if s.bare.startswith("alice")]
    gate = Gate(world.bus)
    gate.shut = {"natter.lane."}
    world.router.send(
        gateway.gateway.incarnation,
        bus_pb2.Frame(
            kind=bus_pb2.KIND_MESSAGE, type="chat", id="1", session="x", sessions=["gone"], stanza=b"<message/>"
        ),
    )
    await world.router.until(lambda: gateway.gateway.returns.given)
    await gate.tried()
    taken = gateway.gateway.cursor.sequence
    assert taken > gateway.position.saved
    saving = asyncio.create_task(gateway.position.save())
    await asyncio.wait((saving,), timeout=0.6)
    assert not saving.done() and gateway.position.saved < taken
    gate.shut.clear()
    await world.router.until(lambda: gateway.position.saved >= taken)
    assert alice and bob and session
    await saving
