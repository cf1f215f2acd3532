"""Sessions that outlive their gateway: killed, frozen or alive, round one bus in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import Entry
from natter.gateway.resumption import hashed
from natter.proto.v1 import bus_pb2
from taking import SM, R, World, again, chat, kill, managed, numbered, received, talking


async def test_on_another_gateway_while_the_old_one_lives(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    alice.send(numbered("bob@localhost/b", 0, 5) + R)
    await alice.until(f"<a xmlns='{SM}' h='5'/>")
    bob.send(numbered("alice@localhost/r", 0, 10))
    assert (await received(alice, "n9."))[-1] == "n9."
    again_ = await again(world, two, previd, 4, behind=chat("bob@localhost/b", "from two") + R)
    await again_.until(f"<resumed xmlns='{SM}' previd='{previd}' h='5'/>")
    assert await received(again_, "n9.") == [f"n{n}." for n in range(4, 10)]
    await again_.until(f"<a xmlns='{SM}' h='6'/>")
    assert (await received(bob, "from two")) == [*(f"n{n}." for n in range(5)), "from two"]
    assert "<conflict" in await alice.until_closed()
    assert not one.gateway.sessions
    # New ones come here, old replicas or not.
    bob.send(numbered("alice@localhost/r", 10, 20))
    assert await received(again_, "n19.") == [f"n{n}." for n in range(10, 20)]
    assert not [f for f in world.router.of("alice@localhost/r") if f.ended]
    assert not [f for f in world.router.frames if f.returned]


async def test_its_record_says_where_the_old_one_is_fenced(
    world: World, eventually: Callable[..., Awaitable[None]]
) -> None:
    one, two = await world.gateway(), await world.gateway()
    _, previd = await managed(world, one)
    again_ = await again(world, two, previd, 0)
    await again_.until("<resumed ")
    directory, old = two.gateway.binding.directory, one.gateway

    def fenced() -> bool:
        record = directory.get("alice@localhost/r")
        return record is not None and record.fenced_gateway == old.incarnation and not record.arriving

    await eventually(fenced)
    record = directory.get("alice@localhost/r")
    assert record is not None and record.fenced_sequence > 0
    assert record.fenced_lane == old.binding.lane_number


async def test_after_the_old_one_was_killed(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=0.05), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 7))
    await received(alice, "n6.")
    alice.send(f"<a xmlns='{SM}' h='3'/>" + numbered("bob@localhost/b", 0, 4) + R)
    await alice.until(f"<a xmlns='{SM}' h='4'/>")
    await one.checkpoints.write()
    bob.send(numbered("alice@localhost/r", 7, 12))
    alice.send(numbered("bob@localhost/b", 4, 9) + R)
    await alice.until(f"<a xmlns='{SM}' h='9'/>")
    await kill(one)
    # The dead gateway's log goes on filling.
    bob.send(numbered("alice@localhost/r", 12, 15))
    client = await again(world, two, previd, 5)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='9'/>")
    assert await received(client, "n14.") == [f"n{n}." for n in range(5, 15)]
    client.send(chat("bob@localhost/b", "end"))
    assert await received(bob, "end") == [*(f"n{n}." for n in range(9)), "end"]


async def test_what_appears_twice_in_a_log_comes_once(world: World) -> None:
    """Also what the gateway itself has put there, as it does for a session that it has just taken over."""
    one, two = await world.gateway(), await world.gateway()
    log = subjects.deliver(two.gateway.incarnation)
    copied: set[bytes] = set()

    def again_there(entry: Entry) -> None:
        if entry.payload not in copied:
            copied.add(entry.payload)
            world.bus.publish(log, entry.payload)

    copying = await world.bus.subscribe(subjects.DELIVERIES, (log,), again_there)
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 10))
    await received(alice, "n9.")
    client = await again(world, two, previd, 4)
    await client.until("<resumed")
    bob.send(numbered("alice@localhost/r", 10, 20))
    assert await received(client, "n19.") == [f"n{n}." for n in range(4, 20)]
    await world.router.until(lambda: two.gateway.cursor.sequence >= 2 * len(copied))
    bob.send(chat("alice@localhost/r", "end"))
    assert await received(client, "end") == ["end"]
    assert any(two.gateway.incarnation.encode() in payload for payload in copied)
    await copying.stop()


async def test_a_session_younger_than_the_checkpoint(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 3))
    await received(alice, "n2.")
    alice.send(numbered("bob@localhost/b", 0, 2) + "<iq type='get'><a xmlns='b'/></iq>" + R)
    await alice.until("<bad-request")
    await kill(one)
    client = await again(world, two, previd, 4)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")
    bob.send(chat("alice@localhost/r", "end"))
    assert await received(client, "end") == ["end"]


async def test_what_came_before_enabling_does_not_count(world: World) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    alice = await world.login(one, "alice", "r")
    alice.send("<presence/>" + numbered("bob@localhost/b", 0, 7) + f"<enable xmlns='{SM}' resume='1'/>" + R)
    previd = (await alice.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)
    await alice.until(f"<a xmlns='{SM}' h='0'/>")
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")


async def test_a_third_gateway_takes_over_from_the_second(world: World) -> None:
    one, two, three = [await world.gateway(checkpoint_seconds=60) for _ in range(3)]
    _alice, previd, bob = await talking(world, one, three, heard=5)
    await kill(one)
    client = await again(world, two, previd, 2)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='3'/>")
    bob.send(numbered("alice@localhost/r", 5, 8))
    await received(client, "n7.")
    client.send(numbered("bob@localhost/b", 3, 5) + R)
    await client.until(f"<a xmlns='{SM}' h='5'/>")
    await kill(two)
    client = await again(world, three, previd, 6)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='5'/>")
    bob.send(numbered("alice@localhost/r", 8, 10))
    assert await received(client, "n9.") == ["n6.", "n7.", "n8.", "n9."]
    client.send(chat("bob@localhost/b", "end"))
    assert await received(bob, "end") == [*(f"n{n}." for n in range(5)), "end"]


async def test_there_and_back(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    client, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    for n, gateway in enumerate((two, one, two, one, one)):
        bob.send(chat("alice@localhost/r", f"n{n}."))
        client.send(chat("bob@localhost/b", f"m{n}.") + R)
        await client.until(f"<a xmlns='{SM}' h='{n + 1}'/>")
        client = await again(world, gateway, previd, n)
        await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='{n + 1}'/>")
        assert await received(client, f"n{n}.") == [f"n{n}."]
    assert await received(bob, "m4.") == [f"m{n}." for n in range(5)]


async def test_what_a_frozen_gateway_still_says_is_nobodys(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    alice.send(chat("bob@localhost/b", "before") + R)
    await alice.until("<a ")
    # It hears nothing of the takeover, and goes on taking what its client's socket had.
    one.gateway.binding.directory._callbacks.clear()
    client = await again(world, two, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='1'/>")
    alice.send(chat("bob@localhost/b", "late") + R)
    await alice.until(f"<a xmlns='{SM}' h='2'/>")
    client.send(chat("bob@localhost/b", "after"))
    assert await received(bob, "after") == ["before", "after"]
    # Nor can it end the session.
    one.gateway.leave(one.gateway.resumable[hashed(previd)])
    await one.gateway.binding.released()
    bob.send(chat("alice@localhost/r", "still there"))
    await client.until("still there")


async def test_late_deliveries_to_the_old_gateway_come_first_and_once(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    _alice, previd = await managed(world, one)
    session = one.gateway.resumable[hashed(previd)].id
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<resumed")

    def frame(body: str, sequence: int) -> bus_pb2.Frame:
        stanza = chat("alice@localhost/r", body).encode()
        return bus_pb2.Frame(
            kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=stanza, sessions=[session], sequence=sequence
        )

    # A router whose replica lags, and a later one that repeats the first part of its work.
    senders = [type(world.router.senders)(world.bus, "lane.9", f"p{n}") for n in range(2)]
    for n in range(5):
        senders[0].add(subjects.deliver(one.gateway.incarnation), frame(f"n{n}.", n + 1))
    await senders[0].drain()
    for n in range(3, 8):
        senders[1].add(subjects.deliver(two.gateway.incarnation), frame(f"n{n}.", n + 1))
    assert await received(client, "n7.") == [f"n{n}." for n in range(8)]


async def test_settling(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from natter.gateway import takeover

    monkeypatch.setattr(takeover, "SETTLE_SECONDS", 0.1)
    one, two = await world.gateway(), await world.gateway()
    _alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    client = await again(world, two, previd, 0)
    await client.until("<resumed")
    session = two.gateway.resumable[hashed(previd)]
    n = 0
    while session.outbox.capture is not None:
        assert n < 3000
        bob.send(chat("alice@localhost/r", f"n{n}."))
        await asyncio.sleep(0.001)
        n += 1
    bob.send(numbered("alice@localhost/r", n, n + 20))
    assert await received(client, f"n{n + 19}.") == [f"n{k}." for k in range(n + 20)]
    # Read again from the log by a third one: the same.
    await two.checkpoints.write()
    three = await world.gateway()
    await kill(two)
    client = await again(world, three, previd, n)
    await client.until("<resumed")
    assert await received(client, f"n{n + 19}.") == [f"n{k}." for k in range(n, n + 20)]


async def test_what_others_have_sent_is_not_kept_for_ever_though_sessions_keep_coming(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from natter.gateway import estate, heirs, takeover

    monkeypatch.setattr(takeover, "SETTLE_SECONDS", 0.02)
    monkeypatch.setattr(estate, "FRESH_SECONDS", -1.0)
    # Not by itself while this is counted.
    monkeypatch.setattr(heirs, "HEIR_SECONDS", 600.0)
    one, two = await world.gateway(), await world.gateway()
    bob = await world.login(two, "bob", "b")
    takeovers = two.gateway.takeovers
    for number in range(4):
        alice, previd = await managed(world, one)
        bob.send(chat("alice@localhost/r", f"n{number}."))
        await alice.until(f"n{number}")
        client = await again(world, two, previd, 1)
        await client.until("<resumed")
        client.send("</stream:stream>")
        await world.router.until(lambda: not world.directory.sessions("alice@localhost"))
    estates = {*takeovers._estates._open.values(), *takeovers._estates._older}
    # Per session one that was asked before it was claimed, and one after: none is ever fresh here.
    assert len(estates) == 8
    await asyncio.sleep(0.06)
    takeovers.expect_no_more()
    assert not takeovers._estates._open and not takeovers._estates._older
    await world.router.until(lambda: all(sub._stopped for one in estates for sub in one._subscriptions))
    assert not any(one._left for one in estates)


async def test_nobody_resumes_what_is_not_theirs(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    _alice, previd = await managed(world, one)
    id = hashed(previd)
    assert await two.gateway.takeovers.find("bob@localhost", id) is None
    assert one.gateway.resumable[id].link is not None
    assert await two.gateway.takeovers.find("alice@localhost", "guess") is None
    assert previd not in str(world.directory.by_resumption(id))


async def test_the_session_of_a_removed_account_is_nobodys(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    _, previd = await managed(world, one)
    await kill(one)
    # The news that the account of this name has been removed since.
    two.gateway.removals.removed["alice"] = 1 << 40
    assert await two.gateway.takeovers.find("alice@localhost", hashed(previd)) is None
    two.gateway.removals.removed.clear()
    assert await two.gateway.takeovers.find("alice@localhost", hashed(previd)) is not None


async def test_two_gateways_race(world: World) -> None:
    one, two, three = [await world.gateway() for _ in range(3)]
    _alice, previd = await managed(world, one)
    clients = await asyncio.gather(again(world, two, previd, 0), again(world, three, previd, 0))

    async def result(client: Any) -> str:
        return str((await client.until("<resumed|<failed|<conflict|</stream:stream>")).group(0))

    results = await asyncio.gather(*(result(client) for client in clients))
    assert "<resumed" in results
    await world.router.until(lambda: world.directory.by_resumption(hashed(previd)) is not None)
    owner = world.directory.by_resumption(hashed(previd)).gateway
    holders = [g.gateway.incarnation for g in (one, two, three) if hashed(previd) in g.gateway.resumable]
    assert holders == [owner]


async def test_a_gateway_that_stood_still_acknowledges_nothing_that_stands_behind_a_fence(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    one.gateway.binding.directory._callbacks.clear()
    taken = await two.gateway.takeovers.find("alice@localhost", hashed(previd))
    assert taken is not None
    # As far as it knows, it may have been silent for long.
    one.gateway.certain_at = lambda: float("-inf")
    alice.send(chat("bob@localhost/b", "into the void") + R)
    with pytest.raises(AssertionError):
        await alice.until("<a ", seconds=0.3)
    client = await again(world, two, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")
    client.send(R)
    await client.until(f"<a xmlns='{SM}' h='0'/>")


async def test_a_gateway_that_wakes_learns_what_others_did_before_it_is_certain_again(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    # It stood still: its key was gone, the session was taken over, and its watch has not caught up.
    watch = one.gateway.binding.directory._watch
    watch.pause()
    one.instances.renewed_at = float("-inf")
    assert await two.gateway.takeovers.find("alice@localhost", hashed(previd)) is not None
    # Awake: the renewal comes through before the watch does.
    renewing = asyncio.create_task(one.instances._renew())
    alice.send(chat("bob@localhost/b", "into the void") + R)
    with pytest.raises(AssertionError):
        await alice.until("<a ", seconds=0.3)
    assert not one.gateway.certain()
    watch.resume()
    await renewing
    assert one.gateway.certain()
    assert "<conflict" in await alice.until_closed()
    client = await again(world, two, previd, 0)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")


async def test_resumed_at_the_old_gateway_which_has_not_heard_that_it_lost_the_session(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    _alice, previd = await managed(world, one)
    watch = one.gateway.binding.directory._watch
    watch.pause()
    one.gateway.certain_at = lambda: float("-inf")
    assert await two.gateway.takeovers.find("alice@localhost", hashed(previd)) is not None
    client = await again(world, one, previd, 0)
    asyncio.get_running_loop().call_later(0.1, watch.resume)
    await client.until(f"<resumed xmlns='{SM}' previd='{previd}' h='0'/>")
    assert hashed(previd) in one.gateway.resumable and not two.gateway.resumable


async def test_a_gateway_that_stood_still_and_lost_nothing_goes_on(world: World) -> None:
    one = await world.gateway()
    alice, _ = await managed(world, one)
    one.gateway.certain_at = lambda: float("-inf")
    alice.send(chat("bob@localhost/b", "x") + R)
    await alice.until(f"<a xmlns='{SM}' h='1'/>")


async def test_a_gateway_that_has_left_nothing(world: World, memory: Any) -> None:
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    _alice, previd = await managed(world, one)
    await kill(one)
    await memory.purge("KV_checkpoints", f"$KV.checkpoints.{one.gateway.incarnation}.*")
    client = await again(world, two, previd, 0)
    await client.until("<failed.*item-not-found")
    await world.router.until(lambda: world.directory.by_resumption(hashed(previd)) is None)


async def test_what_was_acknowledged_long_ago_is_not_repeated_by_a_late_router(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    session = one.gateway.resumable[hashed(previd)].id

    def frame(body: str, sequence: int) -> bus_pb2.Frame:
        stanza = chat("alice@localhost/r", body).encode()
        return bus_pb2.Frame(
            kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=stanza, sessions=[session], sequence=sequence
        )

    senders = [type(world.router.senders)(world.bus, "lane.9", f"p{n}") for n in range(2)]
    for n in range(5):
        senders[0].add(subjects.deliver(one.gateway.incarnation), frame(f"n{n}.", n + 1))
    await received(alice, "n4.")
    alice.send(f"<a xmlns='{SM}' h='5'/>" + R)
    await alice.until(f"<a xmlns='{SM}'")
    await one.checkpoints.write()
    await kill(one)
    client = await again(world, two, previd, 5)
    await client.until("<resumed")
    # Whoever holds the lane now is not sure of what the one before him has said, and knows where the session is.
    for n in range(3, 8):
        senders[1].add(subjects.deliver(two.gateway.incarnation), frame(f"n{n}.", n + 1))
    assert await received(client, "n7.") == [f"n{n}." for n in range(5, 8)]


async def test_a_session_waits_until_the_lane_takes_its_fence(
    world: World, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from natter.gateway import takeover

    monkeypatch.setattr(takeover, "ROUTED_SECONDS_MAX", 0.02)
    one, two = await world.gateway(), await world.gateway()
    alice, previd = await managed(world, one)
    bob = await world.login(two, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, 5))
    await received(alice, "n4.")
    await kill(one)
    lanes = memory._stream(subjects.LANES)
    spec, lanes.spec = lanes.spec, replace(lanes.spec, bytes_max=1)
    client = await again(world, two, previd, 2)
    fences = two.gateway.takeovers._fences
    # It tries again and again; what is known of the session is not given up for that.
    await world.router.until(lambda: any(sender._attempts >= 6 for sender in fences.waiting()))
    lanes.spec = spec
    await client.until("<resumed")
    assert await received(client, "n4.") == [f"n{n}." for n in range(2, 5)]


async def test_a_lane_that_was_lost_and_began_again(world: World, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from natter.gateway import takeover

    monkeypatch.setattr(takeover, "ROUTED_SECONDS_MAX", 0.05)
    one, two = await world.gateway(checkpoint_seconds=60), await world.gateway()
    _alice, previd = await managed(world, one)
    # Written when the lane was much longer than it is now.
    one.gateway.lane._last_sequence += 1_000_000
    await one.checkpoints.write()
    await kill(one)
    client = await again(world, two, previd, 0)
    await client.until("<failed.*item-not-found")
    await world.router.until(lambda: world.directory.by_resumption(hashed(previd)) is None)
