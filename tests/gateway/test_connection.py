"""A client's connection, over real sockets: setting up, chatting, TLS, time-outs, limits, back-pressure."""

from __future__ import annotations

import asyncio
import gc
import ssl
from typing import Any

import pytest
from natter.gateway.connection import TURN, Connection
from natter.gateway.gate import Gate
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import CONNECTIONS_ACTIVE

World = Any
STREAM = (
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def test_two_people_chat(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "one")
    bob = await world.login(gateway, "bob", "two")
    alice.send(chat("bob@localhost/two", "hello"))
    match = await bob.until("<message [^>]*><body>hello</body></message>")
    assert "from='alice@localhost/one'" in match.group(0)
    [frame] = [f for f in world.router.of("alice@localhost/one") if f.kind == bus_pb2.KIND_MESSAGE]
    assert frame.inbound == 1
    assert frame.session == world.directory.get("alice@localhost/one").session


async def test_through_two_gateways_in_order(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, bob = await world.login(one, "alice", "a"), await world.login(two, "bob", "b")
    alice.send("".join(chat("bob@localhost/b", f"n{n}.") for n in range(500)))
    await bob.until("n499\\.")
    bodies = [f.stanza for f in world.router.of("alice@localhost/a")]
    assert [f"n{n}." in body.decode() for n, body in enumerate(bodies)] == [True] * 500


async def test_what_arrives_is_in_order_and_complete(world: World) -> None:
    gateway = await world.gateway()
    alice, bob = await world.login(gateway, "alice", "a"), await world.login(gateway, "bob", "b")
    for n in range(300):
        alice.send(chat("bob@localhost/b", f"n{n}."))
        if n % 7 == 0:
            await alice.writer.drain()
    for n in range(300):
        match = await bob.until(r"<body>(n\d+\.)</body>")
        assert match.group(1) == f"n{n}."


async def test_byte_by_byte(world: World) -> None:
    gateway = await world.gateway()
    bob = await world.login(gateway, "bob", "b")
    alice = await world.login(gateway, "alice", "a")
    for letter in chat("bob@localhost/b", "slow"):
        alice.send(letter)
        await asyncio.sleep(0)
    await bob.until("<body>slow</body>")


async def test_everything_pipelined_behind_the_bind_request(world: World) -> None:
    gateway = await world.gateway()
    bob = await world.login(gateway, "bob", "b")
    alice = await world.connect(gateway)
    alice.send(
        f"{STREAM}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"
        f"{STREAM}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<resource>p</resource></bind></iq>"
        f"<presence/>{chat('bob@localhost/b', 'first')}{chat('bob@localhost/b', 'second')}"
    )
    await bob.until("<body>first</body>.*<body>second</body>")
    kinds = [f.kind for f in world.router.of("alice@localhost/p")]
    assert kinds == [bus_pb2.KIND_PRESENCE, bus_pb2.KIND_MESSAGE, bus_pb2.KIND_MESSAGE]


async def test_starttls(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway)
    features = await alice.features()
    assert "<required/>" in features
    assert "mechanism" not in features
    before = CONNECTIONS_ACTIVE.values.get(("tls",), 0)
    await alice.starttls(world.trust)
    await alice.login("alice", "secret", resource="a", presence=False)
    assert CONNECTIONS_ACTIVE.values["tls",] == before + 1
    alice.send(chat(alice.jid, "to myself"))
    await alice.until("<body>to myself</body>")


async def test_direct_tls(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway, direct=True)
    assert alice.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "xmpp-client"
    await alice.login("alice", "secret", resource="a", presence=False)
    alice.send(chat(alice.jid, "x" * 200_000))
    await alice.until("<body>x{200000}</body>")


async def test_bytes_behind_starttls_are_thrown_away(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway)
    await alice.features()
    alice.send(f"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{STREAM}")
    await alice.until("<proceed[^>]*/>")
    await alice.writer.start_tls(world.trust, server_hostname="localhost")
    features = await alice.features()
    assert alice.text == ""
    assert "SCRAM-SHA-256" in features


async def test_who_has_no_session_is_read_once_a_turn(world: World) -> None:
    gateway = await world.gateway()
    gate = gateway.gateway.gate = Gate(1.0, lambda: 0.0, lambda *_: None)
    gate._turns, gate._at = 1.0, 0.0
    alice = await world.connect(gateway)
    await alice.features()
    # What came is answered; what comes next waits.
    alice.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>")
    await alice.until("<success")
    alice.send(STREAM)
    [peer] = gateway.gateway.connections()
    await world.router.until(lambda: peer.resting == TURN)
    gate._turns = 1.0
    gate._tick()
    await alice.until("<bind ")
    assert peer.resting == TURN and not gate.free()


@pytest.mark.parametrize("way", ["plain", "starttls", "direct"])
async def test_with_few_turns_everybody_gets_in(world: World, way: str) -> None:
    gateway = await world.gateway()
    loop = asyncio.get_running_loop()
    gate = Gate(1.0, loop.time, loop.call_later, pace=100.0, _turns=0.0)
    gateway.gateway.gate = gate
    for door in gateway.listeners:
        door.gate = gate
    clients = [await world.connect(gateway, direct=way == "direct") for _ in range(3)]
    if way == "starttls":
        await asyncio.gather(*(client.features() for client in clients))
        await asyncio.gather(*(client.starttls(world.trust) for client in clients))
    logins = (client.login("alice", "secret", resource=f"r{n}") for n, client in enumerate(clients))
    await asyncio.gather(*logins)
    assert gateway.gateway.count == 3
    clients[0].send(chat("alice@localhost/r2", "hello"))
    await clients[2].until("<body>hello</body>")
    # And from then on nobody waits for turns.
    assert not any(peer.resting for peer in gateway.gateway.connections())


async def test_no_plaintext_where_tls_is_required(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway)
    await alice.features()
    alice.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>")
    await alice.until("<encryption-required/>")


async def test_a_handshake_that_is_none(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway)
    await alice.features()
    alice.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await alice.until("<proceed[^>]*/>")
    alice.send("this is not TLS" * 100)
    await alice.until_closed(seconds=5)
    await world.router.until(lambda: gateway.gateway.count == 0)


async def test_a_client_that_leaves_in_the_middle_of_the_handshake(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    alice = await world.connect(gateway)
    await alice.features()
    alice.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await alice.until("<proceed[^>]*/>")
    alice.send(b"\x16\x03\x01")
    alice.writer.close()
    await world.router.until(lambda: gateway.gateway.count == 0)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_a_client_that_only_speaks_old_tls(world: World) -> None:
    gateway = await world.gateway(plaintext=False)
    address = gateway.addresses["c2s_tls"]
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(address.host, address.port, ssl=old)


async def test_a_wrong_sender_ends_the_stream(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a")
    alice.send("<message from='bob@localhost/b' to='bob@localhost'/>")
    assert "<invalid-from" in await alice.until_closed()
    await world.router.until(lambda: world.directory.get(alice.jid) is None)
    assert [f.ended for f in world.router.of(alice.jid)] == [True]


async def test_a_malformed_recipient_is_answered(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a")
    alice.send("<message id='1' to='a b@localhost'/>" + chat(alice.jid, "still here"))
    match = await alice.until("<message.*?</message>")
    assert "jid-malformed" in match.group(0)
    assert "id='1'" in match.group(0)
    await alice.until("still here")


async def test_the_end_of_a_session(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a", presence=True)
    assert world.directory.get(alice.jid).available
    alice.send("</stream:stream>")
    assert "</stream:stream>" in await alice.until_closed()
    await world.router.until(lambda: world.directory.get(alice.jid) is None)
    assert [(f.type, f.ended) for f in world.router.of(alice.jid)] == [("", False), ("unavailable", True)]
    assert gateway.gateway.sessions == {}


async def test_a_connection_that_breaks_ends_its_session(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a", presence=True)
    alice.writer.transport.abort()
    await world.router.until(lambda: world.directory.get(alice.jid) is None)
    assert world.router.of(alice.jid)[-1].ended


async def test_a_presence_is_in_the_directory_before_it_is_in_the_lane(world: World) -> None:
    gateway = await world.gateway()
    alice = await world.login(gateway, "alice", "a")
    seen: list[bool] = []
    take = world.router._deliver
    world.router._deliver = lambda *args: (seen.append(world.directory.get(alice.jid).available), take(*args))
    alice.send(f"{chat(alice.jid, '1')}<presence><priority>3</priority></presence>{chat(alice.jid, '2')}")
    await alice.until("<body>2</body>")
    assert seen == [False, True, True]
    assert [f.inbound for f in world.router.of(alice.jid)] == [1, 2, 3]
    assert world.directory.get(alice.jid).priority == 3


async def test_silence_is_asked_and_then_ended(world: World) -> None:
    gateway = await world.gateway(idle_seconds=0.15, ping_seconds_max=0.15)
    alice = await world.login(gateway, "alice", "a")
    match = await alice.until("<iq type='get' id='(.*?)' from='localhost' to='alice@localhost/a'><ping")
    alice.send(f"<iq type='result' id='{match.group(1)}' to='localhost'/>")
    await alice.until("<iq type='get' id='ping-")
    assert "<connection-timeout" in await alice.until_closed(seconds=5)


async def test_white_space_is_a_sign_of_life(world: World) -> None:
    gateway = await world.gateway(idle_seconds=0.2, ping_seconds_max=0.2)
    alice = await world.login(gateway, "alice", "a")
    for _ in range(20):
        await asyncio.sleep(0.05)
        alice.send(" ")
    assert not alice.reader.at_eof()
    assert alice.text == ""


async def test_a_client_that_does_not_read_is_cut_off_and_its_messages_come_back(world: World) -> None:
    gateway = await world.gateway(outbox_stanzas_max=50, close_seconds_max=0.2)
    bob = await world.login(gateway, "bob", "b")
    session = world.directory.get(bob.jid).session
    bob.writer.transport.pause_reading()
    body = "x" * 20_000
    world.router.delivers = False
    sent = 0
    while session in gateway.gateway.sessions:
        frame = bus_pb2.Frame(
            kind=bus_pb2.KIND_MESSAGE, type="chat", sender="alice@localhost/a", to=bob.jid, id=str(sent)
        )
        frame.stanza = f"<message id='{sent}'><body>{body}</body></message>".encode()
        frame.sessions.append(session)
        world.router.send(gateway.gateway.incarnation, frame)
        sent += 1
        await asyncio.sleep(0)
        assert sent < 20_000
    await world.router.until(lambda: world.directory.get(bob.jid) is None)
    await world.router.until(lambda: sum(f.returned for f in world.router.frames) > 50)
    await gateway.gateway.lane.drain()
    back = [int(f.id) for f in world.router.frames if f.returned]
    bob.writer.transport.resume_reading()
    got = await bob.until_closed(seconds=5)
    # Whole to the client, or back in the lane, in order: no gap between the two.
    assert back == list(range(back[0], sent))
    assert len(back) >= 50
    assert all(
        f"<message id='{n}'>" in got for n in range(back[0] - 20, back[0]) if n >= 0 and got.count("<message") > n
    )


async def test_rates_are_kept_by_reading_slower(world: World) -> None:
    gateway = await world.gateway(rates=True, stanzas_per_second=100.0, stanzas_burst=10.0)
    alice = await world.login(gateway, "alice", "a")
    began = asyncio.get_running_loop().time()
    # What has arrived has arrived: 30 above the burst, at 100/s. What follows waits in the kernel meanwhile.
    alice.send("".join(chat(alice.jid, f"n{n}.") for n in range(40)))
    await alice.until(r"n39\.")
    alice.send(chat(alice.jid, "last"))
    await alice.until("last")
    assert asyncio.get_running_loop().time() - began > 0.25


async def test_a_bus_that_is_away_loses_nothing_and_holds_little(world: World) -> None:
    gateway = await world.gateway(waiting_bytes_max=1 << 16)
    alice = await world.login(gateway, "alice", "a")
    bob = await world.login(gateway, "bob", "b")
    world.bus.disconnect()
    text = "".join(chat(bob.jid, f"n{n}." + "x" * 500) for n in range(4000))
    alice.send(text)
    await world.router.until(lambda: gateway.gateway.congested)
    held = gateway.gateway.lane.waiting_bytes
    await asyncio.sleep(0.2)
    assert gateway.gateway.lane.waiting_bytes == held
    assert held < len(text) / 2
    world.bus.reconnect()
    for n in range(4000):
        assert (await bob.until(r"<body>(n\d+\.)")).group(1) == f"n{n}."
    await world.router.until(lambda: not gateway.gateway.congested)


@pytest.mark.parametrize("direct", [False, True])
async def test_a_connection_that_has_gone_is_let_go_of_without_a_collection(world: World, direct: bool) -> None:
    gateway = await world.gateway(close_seconds_max=0.05)
    known = {id(each) for each in gc.get_objects() if isinstance(each, Connection)}

    def mine() -> int:
        return sum(isinstance(each, Connection) and id(each) not in known for each in gc.get_objects())

    gc.disable()
    try:
        for number in range(3):
            client = await world.connect(gateway, direct=direct)
            await client.login("alice", "secret", resource=f"r{number}", presence=True)
            assert mine() == 1
            client.writer.transport.abort()
            # Each look goes through the whole heap.
            await world.router.until(lambda: not mine(), seconds=60.0)
    finally:
        gc.enable()
