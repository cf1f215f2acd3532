"""Sessions whose next gateway dies, too, or that end elsewhere: nothing is lost on the way."""

from __future__ import annotations

from natter.bus import subjects
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2
from taking import SM, R, World, again, chat, kill, managed, numbered, received


async def test_killed_while_a_session_arrives(world: World) -> None:
    one, two, three = [await world.gateway() for _ in range(3)]
    _alice, previd = await managed(world, one)
    bob = await world.login(three, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 4))
    await world.router.until(lambda: len(world.router.frames) >= 4)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    await received(client, "n3.")
    bob.send(numbered("alice@localhost/r", 4, 8))
    await received(client, "n7.")
    await two.checkpoints.write()
    bob.send(numbered("alice@localhost/r", 8, 10))
    await received(client, "n9.")
    await kill(two)
    client = await again(world, three, previd, 5)
    await client.until("<resumed")
    assert await received(client, "n9.") == [f"n{n}." for n in range(5, 10)]


async def test_killed_before_it_had_adopted(world: World) -> None:
    one, two, three = [await world.gateway() for _ in range(3)]
    alice, previd = await managed(world, one)
    bob = await world.login(three, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 4))
    await received(alice, "n3.")
    alice.send(numbered("bob@localhost/b", 0, 3) + R)
    await alice.until(f"<a xmlns='{SM}' h='3'/>")
    # Two has the record, and gets no further.
    record = world.directory.by_resumption(hashed(previd))
    arrival = two.gateway.takeovers._expect(record)
    assert await two.gateway.takeovers._claim(arrival, record)
    bob.send(numbered("alice@localhost/r", 4, 6))
    await world.router.until(lambda: len(arrival.held) == 2)
    await kill(two)
    client = await again(world, three, previd, 1)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")
    assert await received(client, "n5.") == [f"n{n}." for n in range(1, 6)]
    bob.send(chat("alice@localhost/r", "end"))
    assert await received(client, "end") == ["end"]


async def test_killed_before_it_had_adopted_and_checkpoints_went_on(world: World) -> None:
    one, two, three = [await world.gateway() for _ in range(3)]
    alice, previd = await managed(world, one)
    bob = await world.login(three, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 4))
    await received(alice, "n3.")
    alice.send(numbered("bob@localhost/b", 0, 3) + R)
    await alice.until(f"<a xmlns='{SM}' h='3'/>")
    await one.checkpoints.write()
    record = world.directory.by_resumption(hashed(previd))
    arrival = two.gateway.takeovers._expect(record)
    assert await two.gateway.takeovers._claim(arrival, record)
    # The old one lives, and does not have the session any more; the new one has not all of it yet.
    assert "<conflict" in await alice.until_closed()
    bob.send(numbered("alice@localhost/r", 4, 6))
    await world.router.until(lambda: len(arrival.held) == 2)
    for _ in range(3):
        await one.checkpoints.write()
        await two.checkpoints.write()
    await kill(two)
    client = await again(world, three, previd, 1)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")
    assert await received(client, "n5.") == [f"n{n}." for n in range(1, 6)]


async def test_killed_long_before_it_had_settled(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    _alice, previd = await managed(world, one)
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    client.send(numbered("bob@localhost/b", 0, 3) + R)
    await client.until(f"<a xmlns='{SM}' h='3'/>")
    # The client is quiet from here on: nothing in the lane tells of what it had sent.
    await two.checkpoints.write()
    await kill(two)
    client = await again(world, three, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")


async def test_routed_to_three_gateways_one_after_the_other(world: World) -> None:
    one, two, three, four = [await world.gateway() for _ in range(4)]
    _alice, previd = await managed(world, one)
    session = one.gateway.resumable[hashed(previd)].id
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    client.writer.transport.abort()
    await kill(two)
    record = world.directory.by_resumption(hashed(previd))
    arrival = three.gateway.takeovers._expect(record)
    assert await three.gateway.takeovers._claim(arrival, record)
    # Each router was killed before it had saved that it had sent this, and the next one knew another gateway.
    stanza = chat("alice@localhost/r", "once").encode()
    frame = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=stanza, sessions=[session], sequence=1)
    for gateway in (two, three):
        sender = type(world.router.senders)(world.bus, "lane.9", "p")
        sender.add(subjects.deliver(gateway.gateway.incarnation), frame)
        await sender.drain()
    await kill(three)
    client = await again(world, four, previd, 0)
    await client.until("<resumed")
    client.send(chat("alice@localhost/r", "end"))
    assert await received(client, "end") == ["once", "end"]


async def test_nobody_resumes_half_a_session(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 50))
    await received(alice, "n49.")
    # What one envelope holds: a stanza.
    two.gateway.own._bytes_max = 100
    client = await again(world, two, previd, 48)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")
    assert await received(client, "n49.") == ["n48.", "n49."]


async def test_a_session_that_ended_elsewhere_cannot_be_resumed_where_it_was(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    watch = one.gateway.binding.directory._watch
    watch.pause()
    taken = await two.gateway.takeovers.find("alice@localhost", hashed(previd))
    two.gateway.leave(taken)
    await two.gateway.binding.released()
    # All that it ever hears is that the record is gone.
    watch.resume()
    assert "<conflict" in await alice.until_closed()
    assert not one.gateway.resumable and not one.gateway.sessions
    client = await again(world, one, previd, 0)
    await client.until("<failed.*item-not-found")


async def test_killed_while_something_is_still_sent_to_the_first(world: World) -> None:
    one, two, three = [await world.gateway() for _ in range(3)]
    _alice, previd = await managed(world, one)
    session = one.gateway.resumable[hashed(previd)].id
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    await kill(two)
    stanza = chat("alice@localhost/r", "late").encode()
    late = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=stanza, sessions=[session], sequence=1)
    sender = type(world.router.senders)(world.bus, "lane.9", "p")
    sender.add(subjects.deliver(one.gateway.incarnation), late)
    await sender.drain()
    client = await again(world, three, previd, 0)
    await client.until("<resumed")
    assert await received(client, "late") == ["late"]
