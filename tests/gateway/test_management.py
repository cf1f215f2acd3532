"""Stream management over real sockets: the examples of XEP-0198, and every wrong use of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from natter.bus import subjects
from natter.gateway.settings import Settings
from natter.proto.v1 import bus_pb2

World = Any
SM = "urn:xmpp:sm:3"
R = f"<r xmlns='{SM}'/>"
FAILED = f"<failed xmlns='{SM}'><{{}} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def managed(world: World, running: Any, user: str = "alice", resource: str = "a", attributes: str = "") -> Any:
    client = await world.login(running, user, resource)
    client.send(f"<enable xmlns='{SM}' {attributes}/>")
    client.seen.append((await client.until(f"<enabled xmlns='{SM}'[^>]*/>")).group(0))
    return client


async def test_the_feature_is_offered_with_binding_and_not_before(world: World) -> None:
    client = await world.connect(await world.gateway())
    assert SM not in await client.features()


async def test_enabled(world: World) -> None:
    gateway = await world.gateway()
    plain = await managed(world, gateway)
    assert plain.seen[0] == f"<enabled xmlns='{SM}'/>"
    seen = set()
    for n in range(3):
        client = await managed(world, gateway, resource=f"r{n}", attributes="resume='true' max='60'")
        assert "resume='true' max='60'" in client.seen[0]
        id = client.seen[0].partition("id='")[2].partition("'")[0]
        # 128 bits at least, in base64.
        assert len(id) >= 22
        seen.add(id)
    assert len(seen) == 3
    last = await managed(world, gateway, resource="z", attributes="resume='1' max='99999'")
    assert "max='600'" in last.seen[0]


async def test_basic_acking(world: World) -> None:
    """XEP-0198 §8.1."""
    client = await managed(world, await world.gateway())
    client.send(R)
    await client.until(f"<a xmlns='{SM}' h='0'/>")
    client.send("<iq id='ls72g593' type='get' to='nobody@localhost'><query xmlns='jabber:iq:roster'/></iq>" + R)
    await client.until(f"<a xmlns='{SM}' h='1'/>")
    client.send("<presence/>" + R)
    await client.until(f"<a xmlns='{SM}' h='2'/>")
    client.send(chat("juliet@localhost", "ciao!") + R)
    await client.until(f"<a xmlns='{SM}' h='3'/>")


async def test_efficient_acking_and_pipelined_stanzas(world: World) -> None:
    """XEP-0198 §8.2; what stands before <enable/> does not count, what stands behind it does."""
    client = await world.login(await world.gateway(), "alice", "a")
    five = chat("x@localhost", "hi") * 5
    client.send(five + f"<enable xmlns='{SM}'/>" + five + R + five + R)
    await client.until("<enabled")
    await client.until(f"<a xmlns='{SM}' h='5'/>")
    await client.until(f"<a xmlns='{SM}' h='10'/>")


async def test_nothing_is_acknowledged_before_it_is_stored(world: World) -> None:
    gateway = await world.gateway()
    client = await managed(world, gateway)
    client.send("<presence/>" + R)
    await client.until(f"<a xmlns='{SM}' h='1'/>")
    world.bus.disconnect()
    client.send(chat("x@localhost", "one") + R)
    with pytest.raises(AssertionError):
        await client.until("<a ", seconds=0.3)
    world.bus.reconnect()
    await client.until(f"<a xmlns='{SM}' h='2'/>")


async def test_what_is_refused_counts_and_not_ahead_of_what_came_before(world: World) -> None:
    gateway = await world.gateway()
    client = await managed(world, gateway)
    world.bus.disconnect()
    client.send(chat("x@localhost", "one") + "<iq type='get'><a xmlns='b'/></iq>" + R)
    with pytest.raises(AssertionError):
        await client.until("<a ", seconds=0.3)
    world.bus.reconnect()
    await client.until(f"<a xmlns='{SM}' h='2'/>")
    client.send("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>" + R)
    # The answer to a session request is a stanza, too.
    both = await client.until(f"<iq[^>]*id='s'/>.*<a xmlns='{SM}' h='3'/>|<a xmlns='{SM}' h='3'/>.*<iq[^>]*id='s'/>")
    assert both
    client.send(f"<a xmlns='{SM}' h='2'/>" + R)
    await client.until("<a ")


async def test_the_client_is_told_unasked(world: World) -> None:
    client = await managed(world, await world.gateway(tell_stanzas=10))
    client.send(chat("x@localhost", "hi") * 25)
    h = int((await client.until(f"<a xmlns='{SM}' h='([0-9]+)'/>")).group(1))
    assert h >= 10


async def test_the_client_is_told_and_asked_in_a_quiet_moment(world: World) -> None:
    gateway = await world.gateway(idle_seconds=1.0, ask_stanzas=1000)
    alice, bob = await managed(world, gateway), await world.login(gateway, "bob", "b")
    alice.send(chat("x@localhost", "hi"))
    bob.send(chat("alice@localhost/a", "one"))
    await alice.until("one.*<r xmlns|<r xmlns", seconds=5)
    await alice.until("<a xmlns='urn:xmpp:sm:3' h='1'/>|h='1'", seconds=5)


async def test_the_client_is_asked(world: World) -> None:
    gateway = await world.gateway(ask_stanzas=3)
    alice, bob = await managed(world, gateway), await world.login(gateway, "bob", "b")
    bob.send("".join(chat("alice@localhost/a", f"n{n}.") for n in range(4)))
    # Behind the series in which the third stands, if they came as one.
    await alice.until(f"n[23]\\.</body></message><r xmlns='{SM}'/>")
    [session] = [s for s in gateway.gateway.sessions.values() if s.managed]
    assert session.outbox.queue_stanzas == 4
    alice.send(f"<a xmlns='{SM}' h='3'/>")
    await world.router.until(lambda: session.outbox.queue_stanzas == 1)


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<a xmlns='urn:xmpp:sm:3'/>", "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='many'/>", "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='4294967296'/>", "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='1'/>", "undefined-condition"),
        ("<a xmlns='urn:xmpp:sm:3' h='4294967295'/>", "undefined-condition"),
        ("<enable xmlns='urn:xmpp:sm:3'/>", "policy-violation"),
    ],
)
async def test_misuse_that_ends_the_stream(world: World, said: str, condition: str) -> None:
    gateway = await world.gateway()
    client = await managed(world, gateway, attributes="resume='1'")
    client.send(said)
    rest = await client.until_closed()
    assert f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in rest
    if condition == "undefined-condition":
        h = said.partition("h='")[2].partition("'")[0]
        assert f"<handled-count-too-high xmlns='{SM}' h='{h}' send-count='0'/>" in rest
    if condition == "policy-violation":
        assert FAILED.format("unexpected-request") in rest
    assert not gateway.gateway.resumable


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", "unexpected-request"),
        ("<r xmlns='urn:xmpp:sm:3'/>", "unexpected-request"),
        ("<a xmlns='urn:xmpp:sm:3' h='0'/>", "unexpected-request"),
        ("<enable xmlns='urn:xmpp:sm:3' resume='perhaps'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:sm:3' max='-1'/>", "bad-request"),
    ],
)
async def test_mistakes_that_the_stream_survives(world: World, said: str, condition: str) -> None:
    client = await world.login(await world.gateway(), "alice", "a")
    client.send(said)
    await client.until(FAILED.format(condition))
    client.send(f"<enable xmlns='{SM}'/>")
    await client.until("<enabled ")


async def test_resume_after_enabling(world: World) -> None:
    client = await managed(world, await world.gateway())
    client.send(f"<resume xmlns='{SM}' previd='x' h='0'/>")
    await client.until(FAILED.format("unexpected-request"))


async def test_before_authentication_and_before_binding(world: World) -> None:
    client = await world.connect(await world.gateway())
    await client.features()
    client.send(f"<enable xmlns='{SM}'/>")
    await client.until(FAILED.format("unexpected-request"))


async def test_a_client_that_never_acknowledges(world: World) -> None:
    gateway = await world.gateway(unacked_stanzas_max=16, ask_stanzas=100)
    alice, bob = await managed(world, gateway), await world.login(gateway, "bob", "b")
    bob.send("".join(chat("alice@localhost/a", f"n{n}.") for n in range(20)))
    assert "<policy-violation" in await alice.until_closed()
    await world.router.until(lambda: sum(f.returned for f in world.router.frames) >= 20)


async def test_without_management_nothing_is_kept(world: World) -> None:
    gateway = await world.gateway()
    await world.login(gateway, "alice", "a")
    [session] = gateway.gateway.sessions.values()
    assert session.managed is None


async def test_what_the_gateway_answers_is_in_its_log(world: World, memory: Any) -> None:
    gateway = await world.gateway()
    client = await managed(world, gateway)
    client.send("<iq type='get'><a xmlns='b'/></iq>")
    await client.until("<bad-request")
    entries = await memory.read(subjects.DELIVERIES, subjects.deliver(gateway.gateway.incarnation))
    frames = [f for e in entries for f in bus_pb2.Envelope.FromString(e.payload).frames]
    assert [b"bad-request" in f.stanza for f in frames] == [True]
    await asyncio.sleep(0)


def test_the_defaults() -> None:
    settings = Settings()
    assert (settings.resume_seconds_max, settings.unacked_stanzas_max, settings.unacked_bytes_max) == (
        600,
        1000,
        1 << 20,
    )
