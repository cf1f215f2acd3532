"""What the connections of one process share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from natter.bus.memory import MemoryBus
from natter.gateway import gateway as module
from natter.gateway.app import put_together
from natter.gateway.gateway import TURNS, Gateway, closing
from natter.gateway.session import Session
from natter.gateway.settings import Settings
from natter.gateway.unacked import Unacked
from natter.proto.v1 import bus_pb2
from natter.runtime.sections import Server
from natter.telemetry.names import OUTBOX_BYTES


class Peer:
    """A connection that remembers."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.address = address
        self.bound = False
        self.said: list[str] = []

    def congested(self, congested: bool) -> None:
        self.said.append(f"congested {congested}")

    def end(self, condition: str, text: str = "") -> None:
        self.said.append(condition)

    def check(self, now: float) -> None:
        self.said.append("check")

    def write(self) -> None:
        self.said.append("write")

    def gone(self) -> None:
        self.said.append("gone")


@pytest.fixture
async def gateway(memory: MemoryBus) -> AsyncIterator[Gateway]:
    settings = Settings(connections_max=5, connections_per_address_max=2, waiting_bytes_max=1 << 16, linger_seconds=0)
    server = Server(allow_plaintext=True)
    made = put_together(memory, settings, server, incarnation="gateway-1-aa", lanes=4, sample_ratio=0.0)
    await made.binding.directory.start()
    yield made
    await made.lane.close()
    made.verifier.close()


async def test_connections_are_counted_and_limited(gateway: Gateway) -> None:
    peers = [Peer() for _ in range(3)]
    assert [gateway.admit(peer) for peer in peers] == ["", "", "policy-violation"]
    others = [Peer(f"192.0.2.{n}") for n in range(10, 13)]
    assert [gateway.admit(peer) for peer in others] == ["", "", "resource-constraint"]
    for peer in peers + others:
        gateway.dismiss(peer)
    assert (gateway.count, gateway.per_address, gateway.connections(), gateway.unbound) == (0, {}, [], set())
    assert gateway.admit(Peer()) == ""


async def test_without_rates_an_address_may_have_many(gateway: Gateway) -> None:
    gateway.server = Server(allow_plaintext=True, rate_limits=False)
    assert [gateway.admit(Peer()) for _ in range(5)] == [""] * 5


async def test_nobody_comes_in_during_a_drain(gateway: Gateway) -> None:
    gateway.draining = True
    assert gateway.admit(Peer()) == "system-shutdown"


def test_the_pace_of_a_drain() -> None:
    assert closing(1000, Settings()) == float("inf")
    assert closing(1000, Settings(drain_spread_seconds=20, drain_seconds_max=25)) == 50
    assert closing(1000, Settings(drain_per_second=100, drain_spread_seconds=20, drain_seconds_max=25)) == 100
    # Whatever was asked for: within the time.
    assert closing(1000, Settings(drain_per_second=1, drain_seconds_max=10)) == 125


async def test_a_drain_closes_connections_one_after_another(gateway: Gateway) -> None:
    gateway.settings = Settings(drain_per_second=50, drain_seconds_max=60, linger_seconds=0)
    gateway.server = Server(allow_plaintext=True, rate_limits=False)
    peers = [Peer() for _ in range(5)]
    for peer in peers:
        gateway.admit(peer)
    began = gateway.loop.time()
    draining = asyncio.create_task(gateway.drain())
    await asyncio.sleep(0)
    # The first goes at once, the others in their time.
    assert sum(peer.said == ["system-shutdown"] for peer in peers) == 1
    assert gateway.admit(Peer()) == "system-shutdown"
    await draining
    assert all(peer.said == ["system-shutdown"] for peer in peers)
    assert gateway.loop.time() - began >= 0.08


async def test_a_standstill_is_not_made_up_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.settings = Settings(drain_per_second=110, drain_seconds_max=60, linger_seconds=0)
    gateway.server = Server(allow_plaintext=True, rate_limits=False)
    peers = [Peer() for _ in range(100)]
    for peer in peers:
        gateway.admit(peer)
    clock, seen = [1000.0], []
    monkeypatch.setattr(gateway, "loop", SimpleNamespace(time=lambda: clock[0]))

    async def sleep(seconds: float) -> None:
        seen.append(sum(bool(peer.said) for peer in peers))
        # The third time it stands still for two seconds.
        clock[0] += seconds + (2.0 if len(seen) == 3 else 0.0)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    await gateway._close_all()
    # 5.5 each, behind the standstill, too.
    assert [b - a for a, b in pairwise(seen)][:4] == [5, 5, 6, 5]
    assert all(peer.said == ["system-shutdown"] for peer in peers)


async def test_what_is_lost_at_once_is_seen_to_in_portions(gateway: Gateway) -> None:
    peers = [Peer() for _ in range(20)]
    for peer in peers:
        gateway.lost(peer)
    gone = [sum(peer.said == ["gone"] for peer in peers)]
    while gone[-1] < len(peers):
        await asyncio.sleep(0)
        gone.append(sum(peer.said == ["gone"] for peer in peers))
    assert gone[0] == 8 and max(b - a for a, b in pairwise(gone)) == 8
    # A single one is seen to at once.
    await asyncio.sleep(0)
    one = Peer()
    gateway.lost(one)
    assert one.said == ["gone"]


async def test_those_without_a_session_are_looked_at_each_time_the_others_in_turns(gateway: Gateway) -> None:
    strangers = [Peer(f"192.0.2.{n}") for n in range(2)]
    bound = [Peer(f"192.0.2.{n}") for n in range(2, 5)]
    for peer in strangers + bound:
        gateway.admit(peer)
    for peer in bound:
        peer.bound = True
    for _ in range(TURNS):
        gateway.sweep()
    assert [len(peer.said) for peer in strangers] == [TURNS, TURNS]
    assert [len(peer.said) for peer in bound] == [1, 1, 1]


async def test_one_write_per_session_and_tick_and_one_bad_socket_harms_nobody(
    gateway: Gateway, session_of: Any
) -> None:
    written: list[str] = []

    class Link:
        def __init__(self, name: str) -> None:
            self.name = name

        def write(self) -> None:
            written.append(self.name)
            if self.name == "bad":
                raise RuntimeError("the transport is gone")

        def end(self, condition: str, text: str = "") -> None: ...

    sessions: list[Session] = []
    for name in ("bad", "good"):
        record = await gateway.binding.bind(f"{name}@x", "r")
        sessions.append(session_of(record))
        sessions[-1].link = Link(name)
    for _ in range(3):
        for session in sessions:
            gateway.say(session, b"<r/>")
    assert written == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert written == ["bad", "good"]
    assert [session.awake for session in sessions] == [False, False]


async def test_what_the_gateway_says_itself_is_bounded_too(gateway: Gateway, link: Any, session_of: Any) -> None:
    session = session_of(await gateway.binding.bind("a@x", "r"), stanzas_max=3)
    session.outbox.stall()
    for _ in range(4):
        gateway.say(session, b"<r/>")
    assert link.ended == ["overflow"]


async def test_what_waits_in_outboxes_is_measured(gateway: Gateway, session_of: Any) -> None:
    idle, slow, managed = [session_of(await gateway.binding.bind("a@x", r)) for r in ("r", "s", "t")]
    for session in (idle, slow, managed):
        gateway.sessions[session.id] = session
    managed.outbox = Unacked(1 << 20, 100, 10)
    slow.outbox.stall()
    for session in (idle, slow, managed):
        session.outbox.add(b"<presence/>", bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE))
    for _ in range(TURNS):
        gateway.sweep()
    assert OUTBOX_BYTES.values == {("unwritten",): 11, ("unacknowledged",): 11}


async def test_a_full_lane_stops_the_reading_and_an_empty_one_starts_it_again(
    gateway: Gateway, memory: MemoryBus
) -> None:
    peer, stranger = Peer(), Peer()
    gateway.admit(peer)
    gateway.admit(stranger)
    peer.bound = True
    memory.disconnect()
    gateway.lane.add(bus_pb2.Frame(stanza=b"x" * 60_000))
    gateway.look_at_lane()
    assert peer.said == []
    gateway.lane.add(bus_pb2.Frame(stanza=b"x" * 60_000))
    gateway.look_at_lane()
    gateway.look_at_lane()
    assert peer.said == ["congested True"]
    memory.reconnect()
    async with asyncio.timeout(30):
        while gateway.congested:
            await asyncio.sleep(0.01)
    assert peer.said == ["congested True", "congested False"]
    # Who logs in has nothing to do with it.
    assert "congested True" not in stranger.said


async def test_time_outs_are_noticed_in_time(gateway: Gateway) -> None:
    assert gateway.sweep_seconds() == 1.0
    gateway.settings = Settings(tls_seconds_max=1.0)
    assert gateway.sweep_seconds() == 0.1
    gateway.settings = Settings(idle_seconds=1.6)
    assert gateway.sweep_seconds() == 0.1


async def test_a_session_that_was_taken_over_before_it_began(gateway: Gateway, link: Any, session_of: Any) -> None:
    old = session_of(await gateway.binding.bind("a@x", "r"))
    await gateway.binding.bind("a@x", "r")
    gateway.enter(old)
    assert link.ended == ["conflict"]
    gateway.leave(old)
    await gateway.binding.released()
    current = gateway.binding.directory.get("a@x/r")
    assert current is not None
    assert current.session != old.id
