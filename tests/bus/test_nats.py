"""Faults of a real nats-server: killed and restarted, frozen, connections cut, consumers deleted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import Entry, PublishUnknown, StreamSpec, Unavailable
from natter.bus.directory import Directory
from natter.bus.js_stream import SEQUENCES_PER_SECOND
from natter.bus.kv import Bucket
from natter.bus.nats import NatsBus, connect
from natter.bus.sender import Sender
from natter.proto.v1 import bus_pb2

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def own(own_nats_server: Any) -> AsyncIterator[NatsBus]:
    """A bus on a nats-server that may be killed."""
    bus = await connect(own_nats_server.url, name="test")
    for spec in subjects.streams():
        await bus.ensure_stream(spec)
    yield bus
    await bus.close()


class Traffic:
    """A sender that adds numbered frames without end, and a subscription that writes down what arrives."""

    def __init__(self, bus: NatsBus) -> None:
        self.sender = Sender(bus, subjects.lane(0), "g", publisher="p")
        self.bus = bus
        self.sent = 0
        self.stored: list[int] = []
        self.got: list[int] = []
        self.sequences: list[int] = []
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.bus.subscribe(subjects.LANES, [subjects.lane(0)], self.take)
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        while True:
            for _ in range(3):
                self.sender.add(bus_pb2.Frame(id=str(self.sent)), lambda n=self.sent: self.stored.append(n))
                self.sent += 1
            await asyncio.sleep(0.002)

    def take(self, entry: Entry) -> None:
        self.sequences.append(entry.sequence)
        self.got += [int(frame.id) for frame in bus_pb2.Envelope.FromString(entry.payload).frames]

    async def finish(self, eventually: Eventually) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait_for(self.sender.drain(), 15)
        await eventually(lambda: len(self.got) >= self.sent, 15)
        assert self.got == self.stored == list(range(self.sent))
        assert self.sequences == sorted(set(self.sequences))


async def test_server_killed_twice_mid_traffic(own: NatsBus, own_nats_server: Any, eventually: Eventually) -> None:
    traffic = Traffic(own)
    await traffic.start()
    for _ in range(2):
        before = len(traffic.got)
        await eventually(lambda before=before: len(traffic.got) > before + 200)
        own_nats_server.kill()
        await eventually(lambda: not own.connected())
        with pytest.raises(Unavailable):
            await own.last(subjects.LANES, subjects.lane(0))
        with pytest.raises(Unavailable):
            await own.publish(subjects.lane(1), b"")
        own_nats_server.start()
        await eventually(own.connected)
    await traffic.finish(eventually)


async def test_server_frozen_for_a_while(own: NatsBus, own_nats_server: Any, eventually: Eventually) -> None:
    traffic = Traffic(own)
    await traffic.start()
    await eventually(lambda: len(traffic.got) > 200)
    own_nats_server.send(signal.SIGSTOP)
    try:
        await eventually(lambda: own_nats_server.state() == "T")
        with pytest.raises((PublishUnknown, Unavailable)):
            await own.publish(subjects.lane(1), b"", msg_id="frozen")
    finally:
        own_nats_server.send(signal.SIGCONT)
    await traffic.finish(eventually)


async def test_connection_cut(own: NatsBus, eventually: Eventually) -> None:
    traffic = Traffic(own)
    await traffic.start()
    pending: list[int] = []
    own._connection.on_down.append(lambda: pending.append(own.pending_bytes()))
    for cut in range(1, 4):
        before = len(traffic.got)
        await eventually(lambda before=before: len(traffic.got) > before + 200)
        assert own._connection._transport is not None
        own._connection._transport.abort()
        await eventually(lambda cut=cut: len(pending) == cut)
        await eventually(own.connected)
    assert pending == [0, 0, 0]
    await traffic.finish(eventually)


async def test_consumer_deleted_by_somebody(own: NatsBus, eventually: Eventually) -> None:
    traffic = Traffic(own)
    await traffic.start()
    for _ in range(3):
        before = len(traffic.got)
        await eventually(lambda before=before: len(traffic.got) > before + 200)
        for name in (await own.requests.api("CONSUMER.NAMES.LANES"))["consumers"]:
            await own.requests.api(f"CONSUMER.DELETE.LANES.{name}")
    await traffic.finish(eventually)


async def test_silent_consumer_is_replaced(own: NatsBus, eventually: Eventually) -> None:
    traffic = Traffic(own)
    await traffic.start()
    await eventually(lambda: len(traffic.got) > 20)
    consumer = own._consumers[0]
    # The server is made to send elsewhere: to us it falls silent.
    own._connection._handlers[consumer._sid] = lambda *message: None
    now = own._connection.loop.time()
    consumer.sweep(now + 100)
    consumer.sweep(now + 200)
    await traffic.finish(eventually)


async def test_everything_above_goes_on_after_a_restart(
    own: NatsBus, own_nats_server: Any, eventually: Eventually
) -> None:
    mine, other = Directory(own), Directory(own)
    await mine.start()
    await other.start()
    session = await mine.create(bus_pb2.SessionRecord(jid="a@b/c", session="s1", gateway="g"))

    async def handler(payload: bytes) -> bytes:
        return payload * 2

    own.respond("natter.rpc.test.double", handler)
    own_nats_server.kill()
    await eventually(lambda: not own.connected())
    own_nats_server.start()
    await eventually(own.connected)
    session = await mine.update(session, available=True)
    await eventually(lambda: other.get("a@b/c") == session)
    assert await own.request("natter.rpc.test.double", b"x") == b"xx"
    late = Directory(own)
    await late.start()
    assert late.get("a@b/c") == session


async def test_streams_in_memory_are_made_again(own: NatsBus, own_nats_server: Any, eventually: Eventually) -> None:
    await own.ensure_stream(StreamSpec("FLEETING", ("fleeting.>",), 1 << 20, in_memory=True))
    got: list[bytes] = []
    await own.subscribe("FLEETING", ["fleeting.>"], lambda entry: got.append(entry.payload))
    for payload in (b"1", b"2", b"3"):
        await own.publish("fleeting.a", payload)
    await eventually(lambda: len(got) == 3)
    own_nats_server.kill()
    await eventually(lambda: not own.connected())
    own_nats_server.start()

    async def again() -> None:
        while True:
            try:
                return await own.publish("fleeting.a", b"4")  # type: ignore[return-value]
            except Unavailable:
                await asyncio.sleep(0.01)

    await asyncio.wait_for(again(), 5)
    await eventually(lambda: got == [b"1", b"2", b"3", b"4"])


async def test_a_rising_stream_made_again_goes_on_above(
    own: NatsBus, own_nats_server: Any, eventually: Eventually
) -> None:
    spec = StreamSpec("FLEETING", ("fleeting.>",), 1 << 20, in_memory=True, rising=True)
    await own.ensure_stream(spec)
    empty = await own.last_sequence("FLEETING")
    assert empty > 1_700_000_000 * SEQUENCES_PER_SECOND
    got: list[int] = []
    await own.subscribe("FLEETING", ["fleeting.>"], lambda entry: got.append(entry.sequence))
    first = await own.publish("fleeting.a", b"1")
    assert first == empty + 1
    await own.publish("fleeting.a", b"2")
    await own.ensure_stream(spec)
    assert await own.last_sequence("FLEETING") == first + 1
    own_nats_server.kill()
    await eventually(lambda: not own.connected())
    own_nats_server.start()

    async def again() -> int:
        while True:
            try:
                # More than there were: what is new must not look old.
                made = [await own.publish("fleeting.a", b"again") for _ in range(5)]
                return made[0]
            except Unavailable:
                await asyncio.sleep(0.01)

    later = await asyncio.wait_for(again(), 5)
    assert later > first + 1
    await eventually(lambda: got == [first, first + 1, *range(later, later + 5)])


async def test_a_directory_that_was_lost_begins_again_everywhere(own: NatsBus, eventually: Eventually) -> None:
    writer, reader = Directory(own), Directory(own)
    await writer.start()
    await reader.start()
    for number in range(3):
        jid = f"a@b/{number}"
        await writer.create(bus_pb2.SessionRecord(session=f"s{number}", gateway="g", jid=jid))
    await eventually(lambda: len(reader) == 3)
    gone: list[str] = []
    reader.on_change(lambda before, after: gone.append(before.session) if before and not after else None)
    await own.requests.api("STREAM.DELETE.KV_sessions")
    await own.ensure_stream(subjects.bucket_spec("sessions"))
    newcomer = Directory(own)
    await newcomer.start()
    session = await newcomer.create(bus_pb2.SessionRecord(session="new", gateway="g", jid="a@b/1"))
    await eventually(lambda: list(reader.all()) == [session], seconds_max=20)
    assert gone == ["s0", "s1", "s2"]
    await eventually(lambda: list(writer.all()) == [session], seconds_max=20)
    for directory in (writer, reader, newcomer):
        await directory.stop()


async def test_nats_kv_conventions(own: NatsBus) -> None:
    """Another client (nats-py's own key-value) reads and writes the same buckets."""
    import nats

    client = await nats.connect(f"nats://127.0.0.1:{own._connection.client.connected_url.port}")  # type: ignore[union-attr]
    try:
        theirs = await client.jetstream().key_value("sessions")
        bucket = Bucket(own, "sessions")
        revision = await bucket.create("a.b", b"1")
        entry = await theirs.get("a.b")
        assert (entry.value, entry.revision) == (b"1", revision)
        await theirs.update("a.b", b"2", last=revision)
        found = await bucket.get("a.b")
        assert found is not None
        assert found.value == b"2"
        await bucket.delete("a.b")
        with pytest.raises(nats.js.errors.KeyNotFoundError):
            await theirs.get("a.b")
        await theirs.put("a.b", b"3")
        await theirs.delete("a.b")
        assert await bucket.get("a.b") is None
    finally:
        await client.close()


async def test_starts_before_the_server(own_nats_server: Any, eventually: Eventually) -> None:
    own_nats_server.kill()
    opening = asyncio.create_task(connect(own_nats_server.url, name="test"))
    done, _ = await asyncio.wait({opening}, timeout=0.5)
    assert not done
    own_nats_server.start()
    bus = await asyncio.wait_for(opening, 5)
    assert bus.connected()
    await bus.close()
    assert not bus.connected()
