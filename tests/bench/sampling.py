"""What traces of one message in a hundred cost: two systems with the same load at the same time, a ratio of each pair.

In turns they would be compared as the machine was at one time and at another: that alone is more than what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean

from servers import Natter, cpu_seconds
from work import latency, register

PAIRS = 6
ROUNDS = 2
# Of each system; so many that `traces_per_second_max` does not bound the share.
PER_SECOND = 1000
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sink(asyncio.Protocol):
    """A collector that says yes: neither servers nor clients shall wait for the work of a real one."""

    traces_bytes = 0

    def __init__(self) -> None:
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self.rest) < end + 4 + size:
                return
            self.rest = self.rest[end + 4 + size :]
            if b"/v1/traces" in head:
                Sink.traces_bytes += size
            self.transport.write(DONE)  # type: ignore[attr-defined]


def _sink(pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)
        pipe.send(Sink.traces_bytes)

    asyncio.run(serve())


@contextmanager
def sinking() -> Iterator[str]:
    """The address of such a collector, in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_sink, args=(there,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{here.recv()}"
    here.send("end")
    print(f"  traces: {here.recv():,} bytes", flush=True)
    process.join()


async def overhead(folder: Path, *flags: str, seconds: float) -> float:
    """CPU per message with traces at 1 % exported to a collector, times that without traces.

    Each pair of systems is a little uneven, from its first round to its last: that is why there are several.
    """
    with sinking() as url:
        export = ("--set", f"telemetry.otlp_endpoint={url}", "--set", "telemetry.identifiers=pseudonym", *flags)
        found = [await pair(folder / str(number), *export, seconds=seconds) for number in range(PAIRS)]
    print("  traces: " + ", ".join(f"{a:.0f} and {b:.0f} µs" for a, b in found), flush=True)
    return mean(b / a for a, b in found)


async def pair(folder: Path, *flags: str, seconds: float) -> tuple[float, float]:
    """Microseconds of CPU per message without traces and with them."""
    folder.mkdir()
    systems = [Natter(folder / ratio, *flags, "--set", f"telemetry.sample_ratio={ratio}") for ratio in ("0", "0.01")]
    places = [system.start() for system in systems]
    used = [0.0, 0.0]
    try:
        for host, port in places:
            await register(host, port, [f"chat{i}" for i in range(20)])
        # The first round warms up. Who is sent to first pays for waking the machine: each in its turn.
        for number in range(ROUNDS + 1):
            before = [cpu_seconds(system.pids()) for system in systems]
            await asyncio.gather(
                *(
                    latency(host, port, pairs=10, per_second=PER_SECOND, seconds=seconds)
                    for host, port in (places if number % 2 else places[::-1])
                )
            )
            for which, system in enumerate(systems if number else ()):
                used[which] += cpu_seconds(system.pids()) - before[which]
    finally:
        for system in systems:
            system.stop()
    without, traced = (cpu / (ROUNDS * PER_SECOND * seconds) * 1e6 for cpu in used)
    return without, traced
