"""Sessions that outlive their connection, over real sockets."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2

World = Any
SM = "urn:xmpp:sm:3"
NOT_FOUND = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def managed(world: World, running: Any, user: str = "alice", *, seconds: str = "600") -> tuple[Any, str]:
    client = await world.login(running, user, "r")
    client.send(f"<enable xmlns='{SM}' resume='true' max='{seconds}'/>")
    return client, (await client.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)


async def again(world: World, running: Any, previd: str, h: int, user: str = "alice", *, behind: str = "") -> Any:
    """A new connection that asks for the former stream; read its answer."""
    client = await world.connect(running)
    await client.features()
    plain = base64.b64encode(f"\0{user}\0secret".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success[^>]*/>|<success.*</success>")
    assert f"<sm xmlns='{SM}'/>" in await client.features()
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='{h}'/>{behind}")
    return client


async def cut(world: World, running: Any, client: Any, previd: str) -> None:
    client.writer.transport.abort()
    session = running.gateway.resumable[hashed(previd)]
    await world.router.until(lambda: session.managed.expiry is not None)


async def test_the_session_stays_and_goes_on(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    bob.send(chat("alice@localhost/r", "n1.") + chat("alice@localhost/r", "n2."))
    await alice.until("n2\\.")
    alice.send("<presence/>" + chat("bob@localhost/b", "to bob"))
    await bob.until("to bob")
    await cut(world, gateway, alice, previd)
    # Nobody hears that it is gone; what comes meanwhile waits.
    assert world.directory.get("alice@localhost/r") is not None
    bob.send(chat("alice@localhost/r", "n3."))
    session = gateway.gateway.resumable[hashed(previd)]
    # Presence comes back to alice herself, too.
    await world.router.until(lambda: any(b"n3." in s for s, *_ in session.outbox.queue))
    before = session.outbox.queue_stanzas
    alice = await again(world, gateway, previd, 1, behind=chat("bob@localhost/b", "again"))
    await alice.until(f"<resumed xmlns='{SM}' previd='{previd}' h='2'/>")
    assert session.outbox.queue_stanzas == before - 1
    text = (await alice.until("^.*n3\\.")).group(0)
    assert "n1." not in text
    assert text.count("n2.") == 1
    await bob.until("again")
    alice.send("<r xmlns='urn:xmpp:sm:3'/>")
    await alice.until(f"<a xmlns='{SM}' h='3'/>")
    assert not [f for f in world.router.of("alice@localhost/r") if f.ended]


async def test_the_old_connection_gets_a_conflict(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    second = await again(world, gateway, previd, 0)
    await second.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")
    assert "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in await alice.until_closed()
    bob = await world.login(gateway, "bob", "b")
    bob.send(chat("alice@localhost/r", "still here"))
    await second.until("still here")
    assert len(gateway.gateway.resumable) == 1


async def test_twice_in_a_row(world: World) -> None:
    gateway = await world.gateway()
    client, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    for n in range(3):
        bob.send(chat("alice@localhost/r", f"n{n}."))
        await client.until(f"n{n}\\.")
        await cut(world, gateway, client, previd)
        client = await again(world, gateway, previd, n + 1)
        await client.until("<resumed")
    bob.send(chat("alice@localhost/r", "end"))
    assert "n" not in (await client.until("^(.*)end")).group(1).partition("<body>")[2]


async def test_another_account_and_an_unknown_id_find_nothing(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    thief = await again(world, gateway, previd, 0, "bob")
    await thief.until(f"<failed xmlns='{SM}'>{NOT_FOUND}")
    # XEP-0198 §5: binding is allowed now.
    thief.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    await thief.until("<jid>bob@localhost/")
    guess = await again(world, gateway, "guess", 0)
    await guess.until(f"<failed xmlns='{SM}'>{NOT_FOUND}")
    assert gateway.gateway.resumable[hashed(previd)].link is not None
    alice.send("<presence/>")


async def test_after_the_window(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway, seconds="1")
    bob = await world.login(gateway, "bob", "b")
    alice.send(chat("bob@localhost/b", "hi"))
    await bob.until("hi")
    await cut(world, gateway, alice, previd)
    bob.send(chat("alice@localhost/r", "too late"))
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    # What was not acknowledged goes back, to another resource or its sender.
    await world.router.until(lambda: [f for f in world.router.frames if f.returned and b"too late" in f.stanza])
    late = await again(world, gateway, previd, 0)
    await late.until(f"<failed xmlns='{SM}' h='1'>{NOT_FOUND}")
    thief = await again(world, gateway, previd, 0, "bob")
    await thief.until(f"<failed xmlns='{SM}'>{NOT_FOUND}")


async def test_a_stream_that_is_closed_is_over(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    await alice.close()
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    late = await again(world, gateway, previd, 0)
    await late.until(f"<failed xmlns='{SM}' h='0'>{NOT_FOUND}")


async def test_an_h_that_is_too_high(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    await cut(world, gateway, alice, previd)
    client = await again(world, gateway, previd, 10)
    assert f"<handled-count-too-high xmlns='{SM}' h='10' send-count='0'/>" in await client.until_closed()
    # The client may have another try.
    await (await again(world, gateway, previd, 0)).until("<resumed")


async def test_resumed_says_only_what_is_stored(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    alice.send("<presence/>" + "<r xmlns='urn:xmpp:sm:3'/>")
    await alice.until("<a ")
    await cut(world, gateway, alice, previd)
    client = await again(world, gateway, previd, 0)
    await client.until("<resumed[^>]*h='1'/>")
    world.bus.disconnect()
    client.send(chat("bob@localhost/b", "in the air"))
    await asyncio.sleep(0.05)
    session = gateway.gateway.resumable[hashed(previd)]
    await world.router.until(lambda: session.inbound == 2)
    world.bus.reconnect()
    await cut(world, gateway, client, previd)
    client = await again(world, gateway, previd, 1)
    await client.until("<resumed[^>]*h='2'/>")


async def test_a_client_that_reads_nothing_is_detached_and_too_much_ends_it(world: World) -> None:
    gateway = await world.gateway(unacked_stanzas_max=16, ask_stanzas=100, backlog_stanzas_max=20)
    alice, previd = await managed(world, gateway)
    bob = await world.login(gateway, "bob", "b")
    bob.send("".join(chat("alice@localhost/r", f"n{n}.") for n in range(17)))
    assert "<resource-constraint" in await alice.until_closed()
    session = gateway.gateway.resumable[hashed(previd)]
    bob.send("".join(chat("alice@localhost/r", f"n{n}.") for n in range(17, 20)))
    await world.router.until(lambda: session.outbox.queue_stanzas + len(session.outbox.backlog) == 20)
    client = await again(world, gateway, previd, 17)
    text = (await client.until("^.*n19\\.")).group(0)
    assert [f"n{n}." in text for n in range(20)] == [False] * 17 + [True] * 3
    client.writer.transport.abort()
    bob.send("".join(chat("alice@localhost/r", f"m{n}.") for n in range(40)))
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    await world.router.until(lambda: sum(bool(f.returned) for f in world.router.frames) >= 33)


async def test_two_connections_ask_at_once(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    await cut(world, gateway, alice, previd)
    one, two = await asyncio.gather(again(world, gateway, previd, 0), again(world, gateway, previd, 0))
    await one.until("<resumed")
    await two.until("<resumed")
    [session] = [s for s in gateway.gateway.sessions.values() if s.id == gateway.gateway.resumable[hashed(previd)].id]
    assert session.link is not None
    assert len(gateway.gateway.sessions) == 1


@pytest.mark.parametrize("resume_seconds_max", [0])
async def test_where_resumption_is_not_offered(world: World, resume_seconds_max: int) -> None:
    gateway = await world.gateway(resume_seconds_max=resume_seconds_max)
    client = await world.login(gateway, "alice", "r")
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    await client.until(f"<enabled xmlns='{SM}'/>")
    client.writer.transport.abort()
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])


async def test_a_presence_that_was_being_announced_when_the_connection_went(world: World) -> None:
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    alice.send("<presence/>" * 2 + chat("nobody@localhost/x", "behind"))
    session = gateway.gateway.resumable[hashed(previd)]
    await world.router.until(lambda: session.inbound == 3)
    await cut(world, gateway, alice, previd)
    client = await again(world, gateway, previd, 0)
    await client.until("<resumed[^>]*h='3'/>")
    kinds = [f.kind for f in world.router.of("alice@localhost/r") if f.kind]
    assert kinds == [bus_pb2.KIND_PRESENCE] * 2 + [bus_pb2.KIND_MESSAGE]


async def test_the_connection_goes_before_enabled_was_said(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "r")
    [session] = gateway.gateway.sessions.values()
    world.bus.disconnect()
    alice.send(f"<enable xmlns='{SM}' resume='true'/>")
    await world.router.until(lambda: session.managed is not None)
    alice.writer.transport.abort()
    await world.router.until(lambda: not gateway.gateway.count)
    world.bus.reconnect()
    # Nobody knows an id with which it could be resumed: it is over.
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    await world.router.until(lambda: world.directory.get("alice@localhost/r") is None)
    assert not gateway.gateway.sessions and not gateway.gateway.resumable


async def test_a_socket_that_is_closed_without_the_stream_is_a_session_that_goes_on(world: World) -> None:
    """XEP-0198 §7: the stream is unfinished, even if the client closes its TCP connection."""
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    session = gateway.gateway.resumable[hashed(previd)]
    alice.writer.close()
    await world.router.until(lambda: session.managed.expiry is not None)
    assert not [f for f in world.router.of("alice@localhost/r") if f.ended]
    client = await again(world, gateway, previd, 0)
    await client.until("<resumed")


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_both_counts_wrap_and_a_resumption_knows_it(world: World, elsewhere: bool) -> None:
    """XEP-0198 §4: from 2^32-1 back to zero."""
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(one, "bob", "b")
    session = one.gateway.resumable[hashed(previd)]
    # So many stanzas ago.
    session.inbound = session.managed.durable = session.managed.told = (1 << 32) - 2
    session.outbox.acknowledged = (1 << 32) - 3
    alice.send("".join(chat("bob@localhost/b", f"n{n}.") for n in range(2)) + "<r xmlns='urn:xmpp:sm:3'/>")
    await alice.until(f"<a xmlns='{SM}' h='0'/>")
    await bob.until("n1\\.")
    bob.send("".join(chat("alice@localhost/r", f"m{n}.") for n in range(4)))
    await alice.until("m3\\.")
    alice.send(f"<a xmlns='{SM}' h='4294967295'/>" + chat("bob@localhost/b", "n2.") + "<r xmlns='urn:xmpp:sm:3'/>")
    await alice.until(f"<a xmlns='{SM}' h='1'/>")
    await world.router.until(lambda: session.outbox.queue_stanzas == 2)
    await one.checkpoints.write()
    await cut(world, one, alice, previd)
    # It has had one more, the third: 2^32 of them.
    client = await again(world, two if elsewhere else one, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='1'/>")
    text = (await client.until("^.*m3\\.")).group(0)
    assert [f"m{n}." in text for n in range(4)] == [False, False, False, True]
    client.send(f"<a xmlns='{SM}' h='1'/>" + chat("bob@localhost/b", "n3.") + "<r xmlns='urn:xmpp:sm:3'/>")
    await client.until(f"<a xmlns='{SM}' h='2'/>")


@pytest.mark.parametrize("wrong", ["previd='{previd}'", "h='0'", "previd='{previd}' h='-1'", "previd='' h='0'"])
async def test_a_resumption_that_cannot_be_read(world: World, wrong: str) -> None:
    """XEP-0198 §6: told so; §5: the client may bind, or ask again."""
    gateway = await world.gateway()
    alice, previd = await managed(world, gateway)
    await cut(world, gateway, alice, previd)
    client = await world.connect(gateway)
    await client.features()
    plain = base64.b64encode(b"\0alice\0secret").decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success[^>]*/>|<success.*</success>")
    await client.features()
    client.send(f"<resume xmlns='{SM}' {wrong.format(previd=previd)}/>")
    await client.until(f"<failed xmlns='{SM}'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='0'/>")
    await client.until("<resumed")
