"""Setting a stream up, over real sockets: SASL, registration, binding, and everything hostile before a session."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import pytest
from scramp import ScramClient

World = Any
STREAM = (
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def plain(user: str, password: str) -> str:
    payload = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    return f"<auth xmlns='{SASL}' mechanism='PLAIN'>{payload}</auth>"


async def scram(client: Any, mechanism: str, user: str, password: str) -> str:
    """One exchange; what the server says in the end."""
    exchange = ScramClient([mechanism], user, password)
    first = base64.b64encode(exchange.get_client_first().encode()).decode()
    client.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{first}</auth>")
    challenge = (await client.until("<challenge[^>]*>(.*?)</challenge>")).group(1)
    exchange.set_server_first(base64.b64decode(challenge).decode())
    final = base64.b64encode(exchange.get_client_final().encode()).decode()
    client.send(f"<response xmlns='{SASL}'>{final}</response>")
    return str((await client.until("<success[^>]*>.*?</success>|<failure.*?</failure>")).group(0))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
async def test_scram(world: World, mechanism: str) -> None:
    client = await world.connect(await world.gateway())
    assert mechanism in await client.features()
    assert "success" in await scram(client, mechanism, "alice", "secret")


@pytest.mark.parametrize("user", ["alice", "nobody"])
async def test_a_wrong_password_and_an_unknown_user_look_the_same(world: World, user: str) -> None:
    client = await world.connect(await world.gateway(sasl_failures_max=10))
    await client.features()
    assert await scram(client, "SCRAM-SHA-256", user, "wrong") == f"<failure xmlns='{SASL}'><not-authorized/></failure>"
    client.send(plain(user, "wrong"))
    assert (await client.until("<failure.*?</failure>")).group(
        0
    ) == f"<failure xmlns='{SASL}'><not-authorized/></failure>"


async def test_a_password_that_fits_the_fake_keys_opens_nothing(world: World) -> None:
    client = await world.connect(await world.gateway())
    await client.features()
    client.send(plain("nobody", "nobody knows"))
    await client.until("<not-authorized/>")


async def test_too_many_failures_on_one_connection(world: World) -> None:
    client = await world.connect(await world.gateway())
    await client.features()
    client.send(plain("alice", "wrong") * 3)
    assert "<policy-violation" in await client.until_closed()


async def test_an_address_that_fails_too_often_is_throttled(world: World) -> None:
    gateway = await world.gateway(rates=True, failures_burst=2.0, failures_per_second=0.001)
    for _ in range(2):
        client = await world.connect(gateway)
        await client.features()
        client.send(plain("alice", "wrong"))
        await client.until("<not-authorized/>")
    client = await world.connect(gateway)
    await client.features()
    client.send(plain("alice", "secret"))
    assert "<policy-violation" in await client.until_closed()


async def test_the_bus_is_away(world: World) -> None:
    gateway = await world.gateway()
    client = await world.connect(gateway)
    await client.features()
    world.bus.disconnect()
    client.send(plain("alice", "secret"))
    await client.until("<temporary-auth-failure/>")
    world.bus.reconnect()
    client.send(plain("alice", "secret"))
    await client.until("<success")


async def test_the_bus_goes_away_between_login_and_binding(world: World) -> None:
    gateway = await world.gateway()
    client = await world.connect(gateway)
    await client.features()
    client.send(plain("alice", "secret"))
    await client.until("<success[^>]*>")
    await client.features()
    world.bus.disconnect()
    bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    client.send(bind)
    await client.until("<internal-server-error")
    world.bus.reconnect()
    client.send(bind)
    await client.until("<jid>alice@localhost/.*?</jid>")


async def test_registration(world: World) -> None:
    gateway = await world.gateway(registration=True)
    client = await world.connect(gateway)
    assert "http://jabber.org/features/iq-register" in await client.features()
    client.send("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>")
    form = (await client.until("<iq.*?</iq>")).group(0)
    assert "<username/>" in form
    assert "<password/>" in form
    request = (
        "<iq type='set' id='2'><query xmlns='jabber:iq:register'>"
        "<username>dave</username><password>pw</password></query></iq>"
    )
    client.send(request * 2)
    await client.until("<iq type='result' id='2'[^>]*/>")
    await client.until("<conflict")
    client.send(plain("dave", "pw"))
    await client.until("<success")


async def test_no_registration_unless_open(world: World) -> None:
    client = await world.connect(await world.gateway())
    assert "register" not in await client.features()
    client.send("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>")
    assert "<not-authorized" in await client.until_closed()


async def test_a_resource_that_is_taken_goes_to_the_new_session_on_any_gateway(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    old = await world.login(one, "alice", "phone")
    first = world.directory.get(old.jid).session
    new = await world.login(two, "alice", "phone")
    assert "<conflict" in await old.until_closed()
    await world.router.until(lambda: any(f.ended for f in world.router.frames))
    record = world.directory.get(new.jid)
    assert record.gateway == two.gateway.incarnation
    assert [f.session for f in world.router.frames if f.ended] == [first]
    new.send(f"<message to='{new.jid}' type='chat'><body>mine</body></message>")
    await new.until("<body>mine</body>")
    await world.login(two, "alice", "phone")
    assert "<conflict" in await new.until_closed()


async def test_many_that_want_one_resource_at_once(world: World) -> None:
    gateway = await world.gateway()
    clients = await asyncio.gather(*(world.login(gateway, "alice", "phone") for _ in range(6)))
    await world.router.until(lambda: len(gateway.gateway.sessions) == 1 and not gateway.gateway.binding.releasing)
    [session] = gateway.gateway.sessions.values()
    assert world.directory.get("alice@localhost/phone").session == session.id
    for client in clients:
        if client.writer.get_extra_info("sockname") != session.link.transport.get_extra_info("peername"):
            assert "<conflict" in await client.until_closed()


async def test_the_limit_of_resources(world: World) -> None:
    one, two = await world.gateway(resources_max=2), await world.gateway(resources_max=2)
    first = await world.login(one, "alice")
    await world.login(two, "alice")
    third = await world.connect(one)
    await third.features()
    third.send(plain("alice", "secret"))
    await third.until("<success[^>]*>")
    await third.features()
    bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    third.send(bind)
    await third.until("<resource-constraint")
    await first.close()
    await world.router.until(lambda: len(world.directory.sessions("alice@localhost")) == 1)
    third.send(bind)
    await third.until("<jid>")


async def test_a_stream_that_ends_while_its_resource_is_made_leaves_no_ghost(world: World) -> None:
    gateway = await world.gateway()
    client = await world.connect(gateway)
    await client.features()
    client.send(plain("alice", "secret"))
    await client.until("<success[^>]*>")
    await client.features()
    create = gateway.gateway.binding.directory.create
    gone = asyncio.Event()

    async def slow(record: Any) -> Any:
        made = await create(record)
        await gone.wait()
        return made

    gateway.gateway.binding.directory.create = slow
    client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    await world.router.until(lambda: len(world.directory.sessions("alice@localhost")) == 1)
    [connection] = gateway.gateway.connections()
    connection.end("system-shutdown")
    gone.set()
    await world.router.until(lambda: not world.directory.sessions("alice@localhost"))
    assert world.router.frames == []
    assert "<system-shutdown" in await client.until_closed()


async def test_a_client_that_leaves_while_its_resource_is_made(world: World) -> None:
    gateway = await world.gateway()
    client = await world.connect(gateway)
    bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    client.send(STREAM + plain("alice", "secret") + STREAM + bind)
    await world.router.until(lambda: world.directory.sessions("alice@localhost"))
    client.writer.transport.abort()
    await world.router.until(lambda: not world.directory.sessions("alice@localhost"))
    assert [f.ended for f in world.router.frames] == [True]
    assert gateway.gateway.count == 0


HOSTILE = [
    ("too many bytes", STREAM + "<a xmlns='x'>" + "y" * 9000, "policy-violation"),
    ("too many bytes of white space", STREAM + " " * 9000, "policy-violation"),
    ("one long attribute", STREAM + f"<a xmlns='{'y' * 9000}'/>", "policy-violation"),
    ("too deep", STREAM + "<a xmlns='x'>" * 20, "policy-violation"),
    ("too many elements", STREAM + "<a xmlns='x'>" + "<b/>" * 40, "policy-violation"),
    ("an entity", f"<!DOCTYPE x [<!ENTITY a 'b'>]>{STREAM}", "restricted-xml"),
    ("a comment", STREAM + "<!-- x -->", "restricted-xml"),
    ("a processing instruction", STREAM + "<?x y?>", "restricted-xml"),
    ("not XML", STREAM + "<a xmlns='x'><b></a>", "not-well-formed"),
    ("not XMPP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not-well-formed"),
    ("another host", STREAM.replace("localhost", "example.org"), "host-unknown"),
    ("a stanza before its time", STREAM + "<message/>", "not-authorized"),
]


@pytest.mark.parametrize(("data", "condition"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
async def test_hostile_before_authentication(world: World, data: str, condition: str) -> None:
    gateway = await world.gateway(close_seconds_max=0.1)
    client = await world.connect(gateway)
    client.send(data)
    said = await client.until_closed(seconds=5)
    assert f"<{condition} " in said
    assert said.endswith("</stream:stream>")
    await world.router.until(lambda: gateway.gateway.count == 0)


async def test_bad_utf8(world: World) -> None:
    client = await world.connect(await world.gateway())
    client.send(STREAM.encode() + b"<a xmlns='x'>\xff\xfe</a>")
    assert "unsupported-encoding" in await client.until_closed(seconds=5)


@pytest.mark.parametrize("say", ["", STREAM, " "])
async def test_a_connection_that_never_logs_in(world: World, say: str) -> None:
    gateway = await world.gateway(tls_seconds_max=0.2, bind_seconds_max=0.4, close_seconds_max=0.2)
    client = await world.connect(gateway)
    client.send(say)
    assert "<connection-timeout" in await client.until_closed(seconds=5)
    await world.router.until(lambda: gateway.gateway.count == 0)


async def test_slowly_is_not_for_ever(world: World) -> None:
    gateway = await world.gateway(plaintext=False, tls_seconds_max=0.2, close_seconds_max=0.2)
    client = await world.connect(gateway)
    said = asyncio.create_task(client.until_closed(seconds=5))
    for letter in STREAM:
        if said.done():
            break
        client.send(letter)
        await asyncio.sleep(0.02)
    assert "<connection-timeout" in await said


async def test_a_handshake_that_never_ends(world: World) -> None:
    gateway = await world.gateway(plaintext=False, tls_seconds_max=1.5, close_seconds_max=0.2)
    client = await world.connect(gateway)
    await client.features()
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await client.until("<proceed[^>]*/>")
    await client.until_closed(seconds=5)
    await world.router.until(lambda: gateway.gateway.count == 0)


async def test_connections_of_one_address_are_limited(world: World) -> None:
    gateway = await world.gateway(rates=True, connections_per_address_max=2)
    for _ in range(2):
        await (await world.connect(gateway)).features()
    third = await world.connect(gateway)
    assert "<policy-violation" in await third.until_closed(seconds=5)


async def test_a_flood_of_connections_leaves_nothing_behind(world: World) -> None:
    gateway = await world.gateway(tls_seconds_max=0.3, bind_seconds_max=0.3, close_seconds_max=0.2)
    clients = [await world.connect(gateway) for _ in range(100)]
    for number, client in enumerate(clients):
        client.send(os.urandom(2000) if number % 2 else STREAM[: number % 60])
    await asyncio.gather(*(client.until_closed(seconds=5) for client in clients))
    await world.router.until(lambda: gateway.gateway.count == 0)
    assert gateway.gateway.connections() == []
    assert gateway.gateway.per_address == {}
