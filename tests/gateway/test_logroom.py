"""A delivery log that fills up: what is done goes, what somebody needs stays, and at last the window is shortened."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.trim import FULL_SHARE
from natter.gateway.checkpoint import Checkpoints
from natter.gateway.logroom import LogRoom
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2

World = Any
SM = "urn:xmpp:sm:3"
BYTES_MAX = 400_000


@pytest.fixture
async def tight(bus: Bus) -> AsyncIterator[Bus]:
    """Both backends, with little room for deliveries."""
    [spec] = [s for s in subjects.streams(in_memory=True) if s.name == subjects.DELIVERIES]
    await bus.ensure_stream(replace(spec, bytes_max=BYTES_MAX))
    yield bus


@pytest.fixture
def memory(tight: Bus) -> Bus:
    """What the world stands on."""
    return tight


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def managed(world: World, running: Any, user: str) -> tuple[Any, str]:
    client = await world.login(running, user, "r")
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    return client, (await client.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)


async def filled(world: World, running: Any, share: float) -> None:
    """Somebody who is not here any more was sent much, until so much of the log is used."""
    log = subjects.deliver(running.gateway.incarnation)
    nobody = bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, sessions=["nobody"], stanza=b"x" * 4000)
    payload = bus_pb2.Envelope(source="lane.9", frames=[nobody]).SerializeToString()
    while (await world.bus.usage(subjects.DELIVERIES)).bytes_used < BYTES_MAX * share:
        last = await world.bus.publish(log, payload)
    await world.router.until(lambda: running.gateway.cursor.sequence >= last)


def room(running: Any) -> LogRoom:
    return LogRoom(running.gateway, running._done)


async def saved(world: World, running: Any) -> None:
    """Checkpoint and position are as far as they can be."""
    await running.checkpoints.write()
    await running.position.save()


async def used(world: World) -> float:
    return (await world.bus.usage(subjects.DELIVERIES)).bytes_used / BYTES_MAX


async def test_it_never_fills_though_nobody_else_makes_room(world: World) -> None:
    running = await world.gateway()
    await filled(world, running, 0.3)
    await saved(world, running)
    await room(running).look()
    assert await used(world) > 0.29
    for _ in range(20):
        await filled(world, running, 0.75)
        await saved(world, running)
        await room(running).look()
        assert await used(world) < 0.75
    assert await used(world) > 0.4


async def test_what_a_resumable_session_is_owed_stays_and_comes(world: World) -> None:
    running = await world.gateway()
    alice, previd = await managed(world, running, "alice")
    bob = await world.login(running, "bob", "b")
    session = running.gateway.resumable[hashed(previd)]
    alice.writer.transport.abort()
    await world.router.until(lambda: session.managed.expiry is not None)
    bob.send(chat("alice@localhost/r", "owed"))
    await world.router.until(lambda: session.outbox.queue)
    oldest = session.outbox.oldest
    await filled(world, running, 0.7)
    await saved(world, running)
    for _ in range(10):
        await room(running).look()
    log = subjects.deliver(running.gateway.incarnation)
    [first] = await world.bus.read(subjects.DELIVERIES, log, limit=1)
    assert first.sequence <= oldest and running._done() == oldest - 1
    # Another gateway finds it there.
    other = await world.gateway()
    client = await world.connect(other)
    await client.features()
    plain = base64.b64encode(b"\0alice\0secret").decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success[^>]*/>|<success.*</success>")
    await client.features()
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='0'/>")
    await client.until("<resumed[^>]*/>.*owed")


async def test_who_holds_the_oldest_part_of_a_log_that_is_nearly_full_is_given_up_and_loses_nothing(
    world: World,
) -> None:
    running = await world.gateway()
    alice, previd = await managed(world, running, "alice")
    carol, carols = await managed(world, running, "carol")
    bob = await world.login(running, "bob", "b")
    old, new = running.gateway.resumable[hashed(previd)], running.gateway.resumable[hashed(carols)]
    for client, session in ((alice, old), (carol, new)):
        client.writer.transport.abort()
        await world.router.until(lambda s=session: s.managed.expiry is not None)
    bob.send(chat("alice@localhost/r", "n1.") + chat("alice@localhost/r", "n2."))
    await world.router.until(lambda: old.outbox.queue_stanzas == 2)
    await filled(world, running, 0.85)
    bob.send(chat("carol@localhost/r", "young"))
    await world.router.until(lambda: new.outbox.queue)
    await saved(world, running)
    await room(running).look()
    assert old.over and not new.over
    await world.router.until(lambda: sum(bool(f.returned) for f in world.router.frames) >= 2)
    back = [re.findall(rb"n\d\.", f.stanza)[0] for f in world.router.frames if f.returned]
    assert back == [b"n1.", b"n2."]
    await world.router.until(lambda: world.directory.get("alice@localhost/r") is None)
    for _ in range(8):
        await saved(world, running)
        await room(running).look()
    assert await used(world) < FULL_SHARE
    assert not new.over


async def test_who_is_there_and_does_not_acknowledge_is_detached_first(world: World) -> None:
    running = await world.gateway(ask_stanzas=100)
    alice, previd = await managed(world, running, "alice")
    bob = await world.login(running, "bob", "b")
    bob.send(chat("alice@localhost/r", "n1."))
    await alice.until("n1")
    await filled(world, running, 0.85)
    await saved(world, running)
    session = running.gateway.resumable[hashed(previd)]
    await room(running).look()
    assert "<resource-constraint" in await alice.until_closed()
    assert not session.over and not session.outbox.attached
    await room(running).look()
    assert session.over


async def test_a_socket_that_takes_nothing_does_not_hold_the_log_for_ever(world: World) -> None:
    running = await world.gateway(outbox_bytes_max=1 << 24, outbox_stanzas_max=10_000)
    await world.login(running, "alice", "r")
    [session] = running.gateway.sessions.values()
    await running.position.save()
    held = running.position.saved
    session.outbox.stall()
    session.link.stalled = True
    frame = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", sessions=[session.id], stanza=b"<message/>")
    world.router.send(running.gateway.incarnation, frame)
    await world.router.until(lambda: session.outbox.parts)
    await filled(world, running, 0.85)
    await saved(world, running)
    assert running.position.saved == held
    looking = room(running)
    await looking.look()
    assert not session.over
    await looking.look()
    assert session.over
    await world.router.until(lambda: any(f.returned for f in world.router.frames))
    await world.router.until(lambda: not running.gateway.binding.releasing)
    await saved(world, running)
    await looking.look()
    assert running.position.saved > held
    assert await used(world) < 0.85


async def test_what_a_checkpoint_still_names(world: World) -> None:
    running = await world.gateway()
    checkpoints: Checkpoints = running.checkpoints
    assert checkpoints.done() == 0

    def written(**fields: Any) -> int:
        checkpoints._told = (bus_pb2.Checkpoint(**fields).SerializeToString(),)
        return checkpoints.done()

    places = bus_pb2.SessionState(session="a", places=[7 << 16 | 3, 9 << 16])
    since = bus_pb2.SessionState(session="b", since=5)
    assert written(delivered=20) == 20
    assert written(delivered=20, sessions=[places]) == 6
    assert written(delivered=20, sessions=[places, since]) == 4
