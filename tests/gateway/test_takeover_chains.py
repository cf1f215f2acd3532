"""Sessions whose next gateway dies, too, or that end elsewhere: nothing is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.sender import Sender
from natter.gateway import takeover
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2
from taking import SM, R, World, again, chat, kill, managed, numbered, received, talking


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
    _alice, previd, bob = await talking(world, one, three)
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
    alice, previd, bob = await talking(world, one, three)
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


class Source:
    """A holder that says `n<number>.` to a session at some gateway, with the number as its cause, and so its heirs."""

    def __init__(self, world: World, session: str) -> None:
        self.world = world
        self.session = session
        self.holders = 0

    async def say(self, running: Any, *numbers: int) -> None:
        self.holders += 1
        sender = Sender(
            self.world.bus, subjects.deliver(running.gateway.incarnation), "lane.9", publisher=f"p{self.holders}"
        )
        for number in numbers:
            stanza = chat("alice@localhost/r", f"n{number}.").encode()
            sender.add(
                bus_pb2.Frame(
                    kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=stanza, sessions=[self.session], sequence=number
                )
            )
        await sender.drain()


async def acknowledged_long_ago(world: World, one: Any) -> tuple[Source, str]:
    """Alice has had n1 to n5 and said so, and the checkpoint of gateway one says no more of them than marks."""
    alice, previd = await managed(world, one)
    source = Source(world, one.gateway.resumable[hashed(previd)].id)
    await source.say(one, 1, 2, 3, 4, 5)
    await received(alice, "n5.")
    alice.send(f"<a xmlns='{SM}' h='5'/>" + R)
    await alice.until(f"<a xmlns='{SM}'")
    await one.checkpoints.write()
    return source, previd


async def claimed(world: World, running: Any, previd: str) -> Any:
    """The gateway has the record, and gets no further."""
    record = world.directory.by_resumption(hashed(previd))
    takeovers = running.gateway.takeovers
    arrival = takeovers._expect(record)
    await takeovers._look_back(arrival, record)
    assert await takeovers._claim(arrival, record)
    return arrival


async def test_what_was_acknowledged_long_ago_is_not_repeated_into_the_log_of_one_that_dies(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    source, previd = await acknowledged_long_ago(world, one)
    await kill(one)
    arrival = await claimed(world, two, previd)
    # Whoever holds the lane now is not sure of what the one before him has said.
    await source.say(two, *range(3, 8))
    await world.router.until(lambda: len(arrival.held) == 2)
    await kill(two)
    client = await again(world, three, previd, 5)
    await client.until("<resumed")
    await source.say(three, *range(3, 9))
    assert await received(client, "n8.") == ["n6.", "n7.", "n8."]


async def test_nor_to_a_third_gateway_before_the_session_has_settled_at_the_second(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    source, previd = await acknowledged_long_ago(world, one)
    await kill(one)
    client = await again(world, two, previd, 5)
    await client.until("<resumed")
    await source.say(two, *range(3, 8))
    assert await received(client, "n7.") == ["n6.", "n7."]
    await two.checkpoints.write()
    await kill(two)
    client = await again(world, three, previd, 7)
    await client.until("<resumed")
    await source.say(three, *range(3, 9))
    assert await received(client, "n8.") == ["n8."]


async def test_what_the_old_gateway_hears_after_the_claim_says_nothing_of_the_session(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    source, previd = await acknowledged_long_ago(world, one)
    watch = one.gateway.binding.directory._watch
    watch.pause()
    arrival = await claimed(world, two, previd)
    # The source knows where the session is now, and says more to others at the old gateway, which does not know.
    others = Source(world, "somebody")
    await others.say(one, 7)
    await world.router.until(lambda: one.checkpoints.marks["lane.9"] >> 32 == 7)
    await one.checkpoints.write()
    await source.say(two, 6)
    await world.router.until(lambda: len(arrival.held) == 1)
    await kill(one)
    await kill(two)
    client = await again(world, three, previd, 5)
    await client.until("<resumed")
    await source.say(three, 8)
    assert await received(client, "n8.") == ["n6.", "n8."]


async def test_what_came_before_enabling_is_not_repeated_elsewhere(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice = await world.login(one, "alice", "r")
    source = Source(world, world.directory.get("alice@localhost/r").session)
    await source.say(one, 1, 2)
    await received(alice, "n2.")
    alice.send(f"<enable xmlns='{SM}' resume='1'/>")
    previd = (await alice.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    await source.say(two, 1, 2, 3)
    assert await received(client, "n3.") == ["n3."]


async def test_a_checkpoint_between_the_word_and_the_claim_does_not_hide_it(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    source, previd = await acknowledged_long_ago(world, one)
    await kill(one)
    record = world.directory.by_resumption(hashed(previd))
    takeovers = two.gateway.takeovers
    arrival = takeovers._expect(record)
    await takeovers._look_back(arrival, record)
    add = two.gateway.own.add
    waiting: list[Any] = []
    two.gateway.own.add = lambda frame, stored: add(frame, lambda: waiting.append(stored))
    claiming = asyncio.create_task(takeovers._claim(arrival, record))
    # It reads of the arrival before it learns that this is stored.
    await world.router.until(lambda: bool(waiting) and two.gateway.cursor.sequence >= arrival.since)
    await two.checkpoints.write()
    two.gateway.own.add = add
    waiting[0]()
    assert await claiming
    await source.say(two, 6)
    await kill(two)
    client = await again(world, three, previd, 5)
    await client.until("<resumed")
    assert await received(client, "n6.") == ["n6."]


async def test_who_binds_anew_is_owed_what_the_session_at_a_dead_gateway_has_not_acknowledged(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 5))
    await received(alice, "n4.")
    alice.send(f"<a xmlns='{SM}' h='2'/>" + R)
    await alice.until(f"<a xmlns='{SM}'")
    await one.checkpoints.write()
    await one.position.save()
    await kill(one)
    # It has lost the id with which it could resume.
    client = await world.login(two, "alice", "r")
    assert await received(client, "n4.") == ["n2.", "n3.", "n4."]
    await world.router.until(lambda: [f for f in world.router.of("alice@localhost/r") if f.ended])
    late = await again(world, two, previd, 2)
    await late.until("<failed.*item-not-found")


async def test_who_binds_anew_while_the_session_arrives_waits_for_it(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 3))
    await received(alice, "n2.")
    await one.checkpoints.write()
    await kill(one)
    record = world.directory.by_resumption(hashed(previd))
    taking = asyncio.create_task(two.gateway.takeovers.take(record))
    await world.router.until(lambda: record.session in two.gateway.binding.claims)
    client = await world.login(two, "alice", "r")
    assert await received(client, "n2.") == ["n0.", "n1.", "n2."]
    await taking


async def test_a_takeover_ends_when_the_session_has_moved_on(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice, previd = await managed(world, one)
    record = world.directory.by_resumption(hashed(previd))
    takeovers = two.gateway.takeovers
    arrival = takeovers._expect(record)
    arrival.session.over = True
    assert await takeovers._inherit_at_last(arrival, record) is None
    assert await takeovers._inherit(arrival, record) is None
    # Nothing of it is fenced: what the session says there counts.
    alice.send(chat("bob@localhost/b", "x") + R)
    await alice.until(f"<a xmlns='{SM}' h='1'/>")
    assert not world.router.fenced


async def test_a_gateway_that_wants_a_session_twice_takes_it_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def not_removed(bus: Any, username: str, revision: int) -> bool:
        asked.append(username)
        async with asyncio.timeout(30.0):
            while len(asked) < 3:
                await asyncio.sleep(0.001)
        return False

    monkeypatch.setattr(takeover, "removed_since", not_removed)
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    _source, previd = await acknowledged_long_ago(world, one)
    await kill(one)
    record = world.directory.by_resumption(hashed(previd))
    takeovers = two.gateway.takeovers
    # As an heir, and for its client.
    taken = await asyncio.gather(
        takeovers.take(record), takeovers.take(record), takeovers.find(record.bare, hashed(previd))
    )
    session = two.gateway.sessions[record.session]
    assert taken[2] is session and [one for one in taken[:2] if one is not None] in ([], [session])
    log = await world.bus.read(subjects.DELIVERIES, subjects.deliver(two.gateway.incarnation), limit=100)
    frames = [frame for entry in log for frame in bus_pb2.Envelope.FromString(entry.payload).frames]
    assert [frame.control for frame in frames if frame.control and frame.sessions] == [
        bus_pb2.CONTROL_ARRIVING,
        bus_pb2.CONTROL_ADOPTED,
        bus_pb2.CONTROL_COMPLETE,
    ]


async def test_there_and_back_and_settled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway(checkpoint_seconds=60)
    client, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    monkeypatch.setattr(takeover, "SETTLE_SECONDS", 0.1)
    client = await again(world, one, previd, 0)
    await client.until("<resumed")
    bob.send(numbered("alice@localhost/r", 0, 3))
    session = one.gateway.resumable[hashed(previd)]
    await world.router.until(lambda: session.outbox.capture is None)
    # Its own log is not read for it any more, as if it were that of a gateway which it had left.
    bob.send(numbered("alice@localhost/r", 3, 9))
    assert await received(client, "n8.") == [f"n{n}." for n in range(9)]
    bob.send(chat("alice@localhost/r", "end"))
    assert await received(client, "end") == ["end"]


async def test_a_checkpoint_of_a_session_on_its_way_back_does_not_hide_what_it_had_been_here(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway(checkpoint_seconds=60)
    alice, previd, _bob = await talking(world, one, two)
    await one.checkpoints.write()
    # The other one claims it, and does no more.
    record = world.directory.by_resumption(hashed(previd))
    there = two.gateway.takeovers
    assert await there._claim(there._expect(record), record)
    assert "<conflict" in await alice.until_closed()
    await one.checkpoints.write()
    await kill(two)
    record = world.directory.by_resumption(hashed(previd))
    back = one.gateway.takeovers
    arrival = back._expect(record)
    await back._look_back(arrival, record)
    assert await back._claim(arrival, record)
    await world.router.until(lambda: one.gateway.cursor.sequence >= arrival.since)
    await one.checkpoints.write()
    left = await back._inherit_at_last(arrival, record)
    assert left is not None
    await back._adopt(arrival, left)
    client = await again(world, one, previd, 1)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")
    assert await received(client, "n3.") == ["n1.", "n2.", "n3."]
