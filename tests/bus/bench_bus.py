"""Benchmark of the spine: CPU microseconds per frame and per message, client and nats-server, both ends in one process.

    uv run --no-sync python tests/bus/bench_bus.py

Not a test: pytest does not collect it. A frame of 300 bytes goes Sender → JetStream (file) → subscription; the
next batch leaves when the last one has arrived.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.nats import NatsBus, connect
from natter.bus.sender import Sender
from natter.proto.v1 import bus_pb2

STANZA = b"<message from='alice@localhost/phone' to='bob@localhost' type='chat' id='x'><body>%b</body></message>" % (
    b"x" * 96
)


SECONDS_MAX = 60.0


def own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frame() -> bus_pb2.Frame:
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_MESSAGE,
        type="chat",
        sender="alice@localhost/phone",
        to="bob@localhost",
        id="x",
        stanza=STANZA,
        session="0123456789abcdef",
        inbound=7,
        accepted_us=1,
    )


async def round_trips(bus: NatsBus, pid: int, batch: int, total: int) -> str:
    sender = Sender(bus, subjects.lane(0), "gateway-1-0badcafe", publisher="p")
    done = asyncio.Event()
    frames = messages = 0

    def take(entry: Entry) -> None:
        nonlocal frames, messages
        messages += 1
        frames += len(bus_pb2.Envelope.FromString(entry.payload).frames)
        if frames >= total:
            done.set()
        elif frames % batch == 0:
            send()

    def send() -> None:
        for _ in range(batch):
            sender.add(frame())

    subscription = await bus.subscribe(
        subjects.LANES, [subjects.lane(0)], take, start=await bus.last_sequence(subjects.LANES) + 1
    )
    mine, theirs, wall = own_seconds(), seconds_of(pid), time.monotonic()
    send()
    await asyncio.wait_for(done.wait(), SECONDS_MAX)
    mine, theirs, wall = own_seconds() - mine, seconds_of(pid) - theirs, time.monotonic() - wall
    await subscription.stop()
    return (
        f"batch {batch:3}: per frame {(mine + theirs) / total * 1e6:6.1f} µs "
        f"(client {mine / total * 1e6:.1f}, server {theirs / total * 1e6:.1f}); "
        f"per message {(mine + theirs) / messages * 1e6:6.1f} µs; {total / wall:,.0f} frames/s"
    )


async def flat_out(bus: NatsBus, pid: int, size: int, total: int) -> str:
    """Publish without Sender, then consume alone: what one message costs in each direction."""
    payload = bytes(size)
    mine, theirs = own_seconds(), seconds_of(pid)
    for _ in range(0, total, 100):
        await asyncio.gather(*(bus.publish(subjects.lane(1), payload, msg_id="") for _ in range(100)))
    mine, theirs = own_seconds() - mine, seconds_of(pid) - theirs
    text = f"publish, 100 in flight, {size} B: client {mine / total * 1e6:.1f} µs, server {theirs / total * 1e6:.1f} µs"
    got = 0
    done = asyncio.Event()

    def take(entry: Entry) -> None:
        nonlocal got
        got += 1
        if got == total:
            done.set()

    mine, theirs = own_seconds(), seconds_of(pid)
    await bus.subscribe(subjects.LANES, [subjects.lane(1)], take)
    await asyncio.wait_for(done.wait(), SECONDS_MAX)
    mine, theirs = own_seconds() - mine, seconds_of(pid) - theirs
    return f"{text}; consume: client {mine / total * 1e6:.1f} µs, server {theirs / total * 1e6:.1f} µs"


async def main() -> None:
    spec = importlib.util.spec_from_file_location("conftest", Path(__file__).parent.parent / "conftest.py")
    assert spec and spec.loader
    conftest: Any = importlib.util.module_from_spec(spec)
    sys.modules["conftest"] = conftest
    spec.loader.exec_module(conftest)
    with tempfile.TemporaryDirectory() as folder:
        server = conftest.NatsServer(Path(folder))
        server.start()
        try:
            bus = await connect(server.url, name="bench")
            for stream in subjects.streams():
                await bus.ensure_stream(stream)
            await round_trips(bus, server.process.pid, 1, 2000)
            for batch, total in ((1, 20_000), (4, 40_000), (32, 200_000), (128, 204_800)):
                print(await round_trips(bus, server.process.pid, batch, total))
            print(await flat_out(bus, server.process.pid, 300, 50_000))
            await bus.close()
        finally:
            server.kill()


if __name__ == "__main__":
    uvloop.run(main())
