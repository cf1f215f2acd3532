"""CPU µs per stanza inside the gateway, without sockets and NATS: socket bytes to lane, delivery to outbox.

uv run python tests/bench/gateway_stanzas.py [stanzas per read and per envelope]
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from natter.bus.api import Entry
from natter.bus.directory import Session as Record
from natter.bus.memory import MemoryBus
from natter.gateway.app import put_together
from natter.gateway.connection import Connection
from natter.gateway.deliveries import Deliveries
from natter.gateway.gateway import Gateway
from natter.gateway.outbox import Outbox
from natter.gateway.session import Session
from natter.gateway.settings import Settings
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Envelope, Frame
from natter.runtime.sections import Server
from natter.xmpp.stream.server import ServerStream
from natter.xmpp.stream.states import State

ALICE, BOB = "user1@localhost/resource-1", "user2@localhost/resource-2"
HEADER = (
    b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
BODY = b"x" * 96
STANZAS = {
    "message with a body": b"<message to='%b' type='chat' id='m'><body>%b</body></message>" % (BOB.encode(), BODY),
    "not ASCII": b"<message to='%b' type='chat' id='m'><body>%b</body></message>"
    % (BOB.encode(), ("x" * 94 + "ä").encode()),
    "message with three children": (
        b"<message to='%b' type='chat' id='m'><body>%b</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
        b"<request xmlns='urn:xmpp:receipts'/></message>"
    )
    % (BOB.encode(), BODY[:20]),
}
COUNT = 2_000
REPEATS = 25  # the best one counts: what else the machine does is not the gateway's work


class Socket:
    """A transport that forgets."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def is_closing(self) -> bool:
        return False


def connected(gateway: Gateway) -> Connection:
    """A bound connection of alice."""
    record = Record(ALICE, "user1@localhost", "resource-1", "0" * 32, gateway.incarnation, True, 0, 1, 1)
    connection = Connection(gateway)
    connection.transport = Socket()  # type: ignore[assignment]
    stream = ServerStream(gateway.stream_config, secure=False, now=0.0, new_id=lambda: "i", new_nonce=lambda: "n")
    reader = stream._reader
    reader.stepwise = False
    reader.allow(gateway.stream_config.after)
    reader.feed(HEADER)
    stream._state, stream._jid = State.BOUND, ALICE
    connection.stream = stream
    connection.session = Session(record.session, ALICE, record.bare, record, connection, Outbox(1 << 30, 1 << 30))
    connection.bound = True
    gateway.sessions[record.session] = connection.session
    return connection


async def inbound(gateway: Gateway, stanza: bytes, per_read: int) -> float:
    """µs per stanza from `data_received` to the lane's waiting queue."""
    connection = connected(gateway)
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(COUNT // per_read):
            connection.data_received(stanza * per_read)
        best = min(best, time.process_time() - start)
        gateway.lane._waiting.clear()
        gateway.lane._waiting_bytes = 0
        gateway.tally.facts.flush()
        await asyncio.sleep(0)
    return best / COUNT * 1e6


async def outbound(gateway: Gateway, stanza: bytes, per_envelope: int) -> float:
    """µs per stanza from an envelope to the outbox."""
    connected(gateway)
    deliveries = Deliveries(gateway.sessions, gateway.returns, gateway.tally, gateway.wake)
    best = float("inf")
    sequence = 0
    for _ in range(REPEATS):
        entries = []
        for _ in range(COUNT // per_envelope):
            sequence += 1
            sample = Frame(
                kind=KIND_MESSAGE,
                type="chat",
                sender=BOB,
                to=ALICE,
                id="m",
                traits=1,
                stanza=stanza,
                session="1" * 32,
                inbound=12345,
                accepted_us=time.time_ns() // 1000,
                sequence=sequence,
                sessions=["0" * 32],
            )
            frames = []
            for index in range(per_envelope):
                sample.index = index << 4
                frame = Frame()
                frame.CopyFrom(sample)
                frames.append(frame)
            payload = Envelope(source="lane.0", frames=frames).SerializeToString()
            entries.append(Entry("natter.deliver.g", sequence, payload))
        start = time.process_time()
        for entry in entries:
            deliveries.take(entry)
            gateway.write()
        best = min(best, time.process_time() - start)
        gateway.tally.facts.flush()
        await asyncio.sleep(0)
    return best / COUNT * 1e6


async def main() -> None:
    """Print the table."""
    sizes = [int(argument) for argument in sys.argv[1:]] or [1, 20]
    bus: Any = MemoryBus()
    server = Server(allow_plaintext=True, rate_limits=False)
    gateway = put_together(bus, Settings(), server, incarnation="gateway-1-0a", lanes=4, sample_ratio=0.0)
    print(f"{'µs per stanza, stanzas per read':44}" + "".join(f"{size:>8}" for size in sizes))
    for way, measure in (("in", inbound), ("out", outbound)):
        for name, stanza in STANZAS.items():
            figures = [await measure(gateway, stanza, size) for size in sizes]
            print(f"{way + ': ' + name:44}" + "".join(f"{figure:8.2f}" for figure in figures))


asyncio.run(main())
