"""The gateway's tests run on uvloop, as its processes do, against the bus in memory and a router played by the test."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.directory import Directory
from natter.bus.directory import Session as Record
from natter.bus.memory import MemoryBus
from natter.bus.sender import Senders
from natter.bus.series import expanded
from natter.gateway.app import Running
from natter.gateway.outbox import Outbox
from natter.gateway.session import Session
from natter.gateway.settings import Settings
from natter.proto.v1 import accounts_pb2, bus_pb2
from natter.runtime import certificates
from natter.runtime.sections import Server
from raw import Raw, tls

PASSWORD = "secret"
LANES = 4


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def memory() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus()
    for spec in subjects.streams():
        await bus.ensure_stream(spec)
    yield bus
    bus.reconnect()
    await bus.close()


@pytest.fixture
async def directory(memory: MemoryBus) -> AsyncIterator[Directory]:
    directory = Directory(memory)
    await directory.start()
    yield directory
    await directory.stop()


class Lane:
    """A lane that remembers, and stores at once unless told to wait."""

    def __init__(self) -> None:
        self.frames: list[bus_pb2.Frame] = []
        self.waiting: list[Callable[[], object]] = []
        self.stores = True

    def add(self, frame: bus_pb2.Frame, stored: Callable[[], object] | None = None) -> None:
        self.frames.append(frame)
        if stored is not None:
            self.waiting.append(stored)
        if self.stores:
            self.store()

    def when_stored(self, callback: Callable[[], object]) -> None:
        self.waiting.append(callback)
        if self.stores:
            self.store()

    def store(self) -> None:
        waiting, self.waiting = self.waiting, []
        for stored in waiting:
            stored()


class Link:
    """A connection that remembers what its session asked of it."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def write(self) -> None:
        self.woken += 1

    def end(self, condition: str, text: str = "") -> None:
        self.ended.append(condition)

    def overflow(self) -> None:
        self.ended.append("overflow")

    def replaced(self) -> None:
        self.ended.append("replaced")


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def session_of(link: Link) -> Callable[..., Session]:
    def make(record: Record, *, stanzas_max: int = 1000) -> Session:
        return Session(record.session, record.jid, record.bare, record, link, Outbox(1 << 20, stanzas_max))

    return make


def scram_keys(
    password: str, salt: bytes = b"sixteen bytes ok", iterations: int = 4096
) -> list[accounts_pb2.ScramKeys]:
    """RFC 5802 §3."""
    made = []
    for mechanism, name in (("SCRAM-SHA-1", "sha1"), ("SCRAM-SHA-256", "sha256")):
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        stored = hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest()
        server = hmac.digest(salted, b"Server Key", name)
        made.append(
            accounts_pb2.ScramKeys(
                mechanism=mechanism, salt=salt, iterations=iterations, stored_key=stored, server_key=server
            )
        )
    return made


class Accounts:
    """The accounts service: everybody in `passwords`, stable fakes for the rest."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.passwords = dict.fromkeys(("alice", "bob", "carol"), PASSWORD)
        bus.respond("natter.rpc.accounts.credentials", self._credentials)
        bus.respond("natter.rpc.accounts.register", self._register)

    async def _credentials(self, payload: bytes) -> bytes:
        name = accounts_pb2.AccountRequest.FromString(payload).username
        keys = scram_keys(self.passwords.get(name, "nobody knows"))
        entry = await self.bus.last(subjects.JOURNALS, subjects.journal("account", name))
        return accounts_pb2.AccountReply(
            keys=keys, exists=name in self.passwords, revision=entry.sequence if entry else 0
        ).SerializeToString()

    async def _register(self, payload: bytes) -> bytes:
        request = accounts_pb2.AccountRequest.FromString(payload)
        taken = request.username in self.passwords
        self.passwords.setdefault(request.username, request.password)
        return accounts_pb2.AccountReply(error="conflict" if taken else "").SerializeToString()


class Router:
    """Reads every lane; delivers messages to full JIDs, and to everybody available in between; keeps what it read."""

    def __init__(self, bus: MemoryBus, directory: Directory) -> None:
        self.bus = bus
        self.directory = directory
        self.frames: list[bus_pb2.Frame] = []
        self.delivers = True
        self.senders = Senders(bus, "lane.0", "router")
        self.fenced: set[tuple[str, str]] = set()

    async def start(self) -> None:
        lanes = [subjects.lane(n) for n in range(LANES)]
        await self.bus.subscribe(subjects.LANES, lanes, self._take)

    def _take(self, entry: Entry) -> None:
        envelope = bus_pb2.Envelope.FromString(entry.payload)
        source = envelope.source
        following = 0
        for frame in envelope.frames:
            place, ones = following, expanded(frame)
            following += len(ones)
            if not frame.kind:
                self._control(frame, source)
                continue
            if (frame.session, source) in self.fenced and not frame.returned:
                continue
            self.frames += ones
            if self.delivers and not frame.ended:
                self._deliver(frame, entry.sequence, place << 4)

    def _control(self, frame: bus_pb2.Frame, source: str) -> None:
        if frame.control == bus_pb2.CONTROL_FENCE:
            self.fenced.add((frame.session, frame.gateway))
            told = bus_pb2.Frame(control=bus_pb2.CONTROL_FENCED, session=frame.session)
            self.senders.add(subjects.deliver(source), told)
        elif frame.gateway:
            self.fenced.discard((frame.session, source))

    def _deliver(self, frame: bus_pb2.Frame, sequence: int, index: int) -> None:
        to = frame.to or (frame.sender if frame.kind == bus_pb2.KIND_PRESENCE else "")
        there = self.directory.get(to)
        if there is None or frame.returned > 3 or there.session in frame.sessions:
            return
        out = bus_pb2.Frame()
        out.CopyFrom(frame)
        out.sequence, out.index = sequence, index
        out.sessions.append(there.session)
        self.senders.add(subjects.deliver(there.gateway), out)

    def send(self, gateway: str, *frames: bus_pb2.Frame) -> None:
        """Deliveries made by the test."""
        for frame in frames:
            self.senders.add(subjects.deliver(gateway), frame)

    def of(self, jid: str) -> list[bus_pb2.Frame]:
        """What a session said."""
        return [frame for frame in self.frames if frame.sender == jid]

    async def until(self, true: Callable[[], Any], *, seconds: float = 30.0) -> None:
        """Wait for a state of this process."""
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.001)


class World:
    """Gateways on loopback round one bus in memory."""

    def __init__(self, bus: MemoryBus, router: Router, folder: Path) -> None:
        self.bus = bus
        self.router = router
        self.directory = router.directory
        self.accounts = Accounts(bus)
        self.folder = folder
        self.running: list[Running] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.clients: list[Raw] = []

    async def gateway(
        self, *, plaintext: bool = True, registration: bool = False, rates: bool = False, **settings: Any
    ) -> Running:
        """Start one more. Plaintext allowed, no rates, unless asked for."""
        material = certificates.ensure(self.folder, "localhost")
        server = Server(
            domain="localhost",
            tls_certificate=str(material.certificate),
            tls_key=str(material.key),
            allow_plaintext=plaintext,
            open_registration=registration,
            rate_limits=rates,
        )
        wanted = Settings(**{"c2s": "127.0.0.1:0", "c2s_tls": "127.0.0.1:0", "linger_seconds": 0.02, **settings})
        running = Running(self.bus, wanted, server, instance=f"gateway-{len(self.running) + 1}", lanes=LANES)
        self.running.append(running)
        await running.start()
        self.tasks.append(asyncio.create_task(running.sweep()))
        return running

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client trusts."""
        return tls(self.folder / "ca.pem")

    async def connect(self, running: Running, *, direct: bool = False) -> Raw:
        """A connection, plain or with direct TLS."""
        address = running.addresses["c2s_tls" if direct else "c2s"]
        client = await Raw.open(address.host, address.port, secure=self.trust if direct else None)
        self.clients.append(client)
        return client

    async def login(self, running: Running, user: str, resource: str = "", *, presence: bool = False) -> Raw:
        """A session over plain TCP."""
        client = await self.connect(running)
        return await client.login(user, PASSWORD, resource=resource, presence=presence)

    async def close(self) -> None:
        """End it all."""
        for client in self.clients:
            client.writer.transport.abort()
        if isinstance(self.bus, MemoryBus):
            self.bus.reconnect()
        for running in self.running:
            await running.stop()
        for task in self.tasks:
            task.cancel()


@pytest.fixture
async def world(memory: MemoryBus, directory: Directory, tmp_path: Path) -> AsyncIterator[World]:
    router = Router(memory, directory)
    await router.start()
    made = World(memory, router, tmp_path)
    yield made
    await made.close()
