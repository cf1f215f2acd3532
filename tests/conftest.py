"""What every test may use: a real nats-server, and the bus on both backends."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from natter.bus import directory, publisher, requests, subjects
from natter.bus.api import Bus, StreamSpec
from natter.bus.memory import MemoryBus
from natter.bus.nats import NatsBus, connect
from natter.telemetry.identifiers import Key
from natter.telemetry.trace import RECORDER
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from postgres import BACKENDS, MISSING, Postgres

START_SECONDS_MAX = 15.0
# A test that waits for something has time for it: two cores may have much else to do.
PATIENCE_SECONDS = 30.0


def free_port() -> int:
    """A loopback port that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class NatsServer:
    """A nats-server of our own, with its store in `folder`. It may be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it takes connections."""
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "store"}", max_memory_store: 1TB, max_file_store: 1TB }}\n'
        )
        binary = Path(sys.executable).with_name("nats-server")
        self.process = subprocess.Popen(
            [str(binary), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab")
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"nats-server did not start, see {self.folder / 'log'}")

    def send(self, number: signal.Signals) -> None:
        """Signal the process (SIGSTOP, SIGCONT)."""
        assert self.process is not None
        self.process.send_signal(number)

    def state(self) -> str:
        """What the kernel says: "S", "T" for stopped, …"""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One nats-server for all tests of a run. Do not stop it; `own_nats_server` may be."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server for this test alone: may be killed, stopped and started."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(tmp_path / "store", ignore_errors=True)


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """Where the shared nats-server listens."""
    return nats_server.url


async def without_streams(url: str) -> NatsBus:
    """A connected bus whose server has no js_stream left from earlier tests."""
    bus = await connect(url, name="test")
    # One stays: nats-server removes the folder of the last one at leisure, and the next one finds none (10049).
    await bus.ensure_stream(StreamSpec("KEPT", ("kept",), 1 << 20))
    found = await bus.requests.api("STREAM.NAMES", {})
    for name in set(found["streams"]) - {"KEPT"}:
        await bus.requests.api(f"STREAM.DELETE.{name}")
    return bus


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """The spans that this process ends."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, id_generator=RECORDER.ids)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    RECORDER.tracer, RECORDER.policy, RECORDER.key = provider.get_tracer("test"), "full", Key(b"k" * 32)
    yield exporter
    RECORDER.tracer, RECORDER.policy = None, "full"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests is no outage of the bus."""
    monkeypatch.setattr(requests, "API_SECONDS_MAX", PATIENCE_SECONDS)
    monkeypatch.setattr(publisher, "ACK_SECONDS_MAX", PATIENCE_SECONDS)
    monkeypatch.setattr(directory, "SYNC_SECONDS_MAX", PATIENCE_SECONDS)


@pytest.fixture(params=["memory", "nats"])
async def bus(patient: None, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """An empty bus with all js_streams and buckets of natter, in memory and over nats-server."""
    made: MemoryBus | NatsBus
    if request.param == "memory":
        made = MemoryBus()
    else:
        made = await without_streams(request.getfixturevalue("nats_url"))
    for spec in subjects.streams(in_memory=True):
        await made.ensure_stream(spec)
    yield made
    await made.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """`await eventually(lambda: …, seconds_max=30)`: until the condition holds; fails after the time."""

    async def wait(condition: Callable[[], object], seconds_max: float = PATIENCE_SECONDS) -> None:
        end = time.monotonic() + seconds_max
        while not condition():
            assert time.monotonic() < end, "the condition did not come true in time"
            await asyncio.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a run. Do not stop it."""
    server = Postgres()
    server.make()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """`archive.url` of an empty database: "" for SQLite, and PostgreSQL where it is installed."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres").database())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tried."""
    if MISSING:
        terminalreporter.section(MISSING, sep="!", red=True, bold=True)
