"""What traces of one message in a hundred cost: two systems side by side, loads in turns, a ratio of each turn."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from servers import Natter
from work import one_to_one, register

ROUNDS = 8
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


async def overhead(folder: Path, *flags: str, seconds: float, in_flight: int = 20) -> float:
    """CPU per message with traces at 1 % exported to a collector, times that without traces."""
    with sinking() as url:
        export = ("--set", f"telemetry.otlp_endpoint={url}", "--set", "telemetry.identifiers=pseudonym")
        systems = [
            Natter(folder / f"sampling-{ratio}", *flags, *export, "--set", f"telemetry.sample_ratio={ratio}")
            for ratio in ("0", "0.01")
        ]
        places = [system.start() for system in systems]
        try:
            for host, port in places:
                await register(host, port, [f"chat{i}" for i in range(20)])
            rounds = []
            # The first round warms up.
            for number in range(ROUNDS + 1):
                used = [0.0, 0.0]
                for which in (0, 1) if number % 2 else (1, 0):
                    host, port = places[which]
                    work = one_to_one(
                        host, port, systems[which].pids, pairs=10, in_flight=in_flight, seconds=seconds, warmup=1.0
                    )
                    used[which] = (await work).cpu_us
                rounds.append((used[0], used[1]))
            print("  traces: " + ", ".join(f"{a:.1f} and {b:.1f} µs" for a, b in rounds[1:]), flush=True)
            return median(b / a for a, b in rounds[1:])
        finally:
            for system in systems:
                system.stop()
