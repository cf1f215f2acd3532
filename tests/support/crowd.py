"""A process of its own with many sessions that are all cut at once, or with pairs that talk on: for storm.py."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import uvloop
from managed import Managed
from raw import Raw, register_many

HOST = "127.0.0.1"
PASSWORD = "pw"
LOGINS_AT_ONCE = 4
# A message of each pair, whatever has become of the one before.
PAUSE_SECONDS = 0.05
BACK_SECONDS_MAX = 100.0
STAMP = re.compile(rb"<body>s(\d+);")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect."""

    port: int
    tls: bool
    # Cores of the clients alone; none: the servers' own, where there is time for it.
    cores: frozenset[int] = frozenset()
    # How long a client waits for all answers of an attempt to come back.
    patience_seconds: float = BACK_SECONDS_MAX

    def go_there(self) -> None:
        """This process runs on the clients' cores from now on."""
        if self.cores:
            os.sched_setaffinity(0, self.cores)

    def context(self) -> ssl.SSLContext | None:
        """TLS without looking at the certificate: it is not what is measured."""
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def crowd(pipe: Connection, place: Place, names: list[str]) -> None:
    """Log everybody in, say "ready"; at the first word cut all, and say when each was back; at the second, end."""
    uvloop.run(_crowd(pipe, place, names))


async def _crowd(pipe: Connection, place: Place, names: list[str]) -> None:
    # Until all are there they may take any core.
    if place.cores:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    await register_many(HOST, place.port, place.context(), names, PASSWORD)
    gate, context = asyncio.Semaphore(LOGINS_AT_ONCE), place.context()

    async def login(name: str) -> Managed:
        async with gate:
            one = Managed(HOST, place.port, name, PASSWORD, secure=context, try_seconds_max=place.patience_seconds)
            return await one.start(presence=True)

    people = await asyncio.gather(*map(login, names))
    place.go_there()
    # The others' machines are not this one: what they do must not take the servers' cores.
    if not place.cores:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    cut = time.monotonic()
    for person in people:
        person.cut()
    while sum(p.resumed for p in people) + sum(bool(p.failures) for p in people) < len(people):
        if time.monotonic() - cut > BACK_SECONDS_MAX:
            break
        await asyncio.sleep(0.05)
    pipe.send(([second for p in people for second in p.seconds], [f for p in people for f in p.failures]))
    await asyncio.to_thread(pipe.recv)
    await asyncio.gather(*(p.stop() for p in people))


@dataclass(slots=True)
class Pair:
    """One that talks, one that listens: what was sent when, and how long it took."""

    sender: Raw
    receiver: Raw
    sent: list[float] = field(default_factory=list)
    took: list[tuple[float, float]] = field(default_factory=list)

    async def talk(self, stopping: asyncio.Event) -> None:
        """At a fixed rate: what waits is not spared the next one."""
        while not stopping.is_set():
            self.sender.send(f"<message to='{self.receiver.jid}' type='chat'><body>s{len(self.sent)};</body></message>")
            self.sent.append(time.monotonic())
            await asyncio.sleep(PAUSE_SECONDS)

    async def listen(self) -> None:
        rest = b""
        while data := await self.receiver.reader.read(65536):
            now = time.monotonic()
            rest += data
            end = 0
            for match in STAMP.finditer(rest):
                end = match.end()
                sent = self.sent[int(match.group(1))]
                self.took.append((sent, now - sent))
            rest = rest[end:]


def steady(pipe: Connection, place: Place, pairs: int) -> None:
    """Talk from the first word on until the second, then tell how long each message took, by when it was sent."""
    place.go_there()
    # Likewise: how late these processes hear of what has arrived is no matter of the servers.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    uvloop.run(_steady(pipe, place, pairs))


async def _steady(pipe: Connection, place: Place, pairs: int) -> None:
    names = [f"s{number}" for number in range(2 * pairs)]
    context = place.context()
    await register_many(HOST, place.port, context, names, PASSWORD)
    raws = [await (await Raw.open(HOST, place.port, secure=context)).login(name, PASSWORD) for name in names]
    all_ = [Pair(a, b) for a, b in zip(raws[::2], raws[1::2], strict=True)]
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    stopping = asyncio.Event()
    listening = [asyncio.create_task(pair.listen()) for pair in all_]
    talking = []
    for pair in all_:
        talking.append(asyncio.create_task(pair.talk(stopping)))
        await asyncio.sleep(PAUSE_SECONDS / len(all_))
    await asyncio.to_thread(pipe.recv)
    stopping.set()
    await asyncio.gather(*talking)
    async with asyncio.timeout(30):
        while any(len(pair.took) < len(pair.sent) for pair in all_):
            await asyncio.sleep(0.1)
    for task in listening:
        task.cancel()
    pipe.send([took for pair in all_ for took in pair.took])
