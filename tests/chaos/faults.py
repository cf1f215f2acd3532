"""Faults: each a small class with `inject` and `heal`; chance comes from the one seeded generator of a run only."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from natter.bus import subjects
from natter.bus.api import Entry, Start, Subscription
from natter.bus.nats import NatsBus
from system import System
from tcpproxy import TcpProxy

FIRES_SECONDS_MAX = 45.0
HALF_OPEN = "clients half open"
# How often a full js_stream is made full again: what is done makes room.
FULL_SECONDS = 0.1
ENDS_SECONDS_MAX = 20.0


class Fault(Protocol):
    """Something that goes wrong, and goes right again."""

    name: str
    # How long it lasts.
    seconds: float

    async def inject(self, system: System, rng: random.Random) -> None: ...

    async def heal(self, system: System, rng: random.Random) -> None: ...


@dataclass(slots=True)
class Nothing:
    """No fault: what the harness itself measures."""

    name: str = "none"
    seconds: float = 2.0

    async def inject(self, system: System, rng: random.Random) -> None: ...

    async def heal(self, system: System, rng: random.Random) -> None: ...


@dataclass(slots=True)
class Kill:
    """kill -9 of one process of a service; the launcher starts it again."""

    service: str
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return f"kill {self.service}"

    async def inject(self, system: System, rng: random.Random) -> None:
        system.signal(await system.victim(self.service, rng), signal.SIGKILL)

    async def heal(self, system: System, rng: random.Random) -> None: ...


@dataclass(slots=True)
class KillAtRandom:
    """kill -9 of a process chosen at random, again and again."""

    services: tuple[str, ...]
    name: str = "kill at random"
    seconds: float = 20.0
    every: tuple[float, float] = (2.0, 5.0)
    task: asyncio.Task[None] | None = None

    async def inject(self, system: System, rng: random.Random) -> None:
        self.task = asyncio.create_task(self._kill(system, rng))

    async def heal(self, system: System, rng: random.Random) -> None:
        if self.task is not None:
            await ended(self.task)
        await system.all_up()

    async def _kill(self, system: System, rng: random.Random) -> None:
        while True:
            chosen = [p["pid"] for p in system.processes() if p["service"] in self.services]
            if chosen:
                system.signal(rng.choice(chosen), signal.SIGKILL)
            await asyncio.sleep(rng.uniform(*self.every))


@dataclass(slots=True)
class Freeze:
    """SIGSTOP of one process, then SIGCONT: who wakes up is fenced."""

    service: str
    seconds: float
    pid: int = 0

    @property
    def name(self) -> str:
        return f"freeze {self.service} {self.seconds:g} s"

    async def inject(self, system: System, rng: random.Random) -> None:
        self.pid = await system.victim(self.service, rng)
        system.signal(self.pid, signal.SIGSTOP)

    async def heal(self, system: System, rng: random.Random) -> None:
        system.signal(self.pid, signal.SIGCONT)


@dataclass(slots=True)
class FailAt:
    """A process of the service is killed at a named point of its code."""

    service: str
    point: str
    count_max: int = 20
    seconds: float = 0.0
    fired: bool = False

    @property
    def name(self) -> str:
        return f"{self.service} {self.point}"

    async def inject(self, system: System, rng: random.Random) -> None:
        system.failpoint.write_text(f"{self.point} {rng.randint(1, self.count_max)}")
        pids = system.pids(self.service)
        for pid in pids:
            system.signal(pid, signal.SIGUSR2)
        end = asyncio.get_running_loop().time() + FIRES_SECONDS_MAX
        while set(pids) <= set(system.pids(self.service)):
            if asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(0.01)
        self.fired = not set(pids) <= set(system.pids(self.service))
        system.failpoint.write_text("")
        for pid in set(pids) & set(system.pids(self.service)):
            system.signal(pid, signal.SIGUSR2)
        if not self.fired:
            raise AssertionError(f"{self.name} was never reached")

    async def heal(self, system: System, rng: random.Random) -> None: ...


@dataclass(slots=True)
class Wire:
    """Something about a proxy: `between` gives it, `worsen` does it; the proxy's own `heal` undoes it."""

    name: str
    between: Callable[[System], TcpProxy]
    worsen: Callable[[TcpProxy, random.Random], object]
    seconds: float = 5.0

    async def inject(self, system: System, rng: random.Random) -> None:
        self.worsen(self.between(system), rng)

    async def heal(self, system: System, rng: random.Random) -> None:
        self.between(system).heal()


def delay(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.up.delay_seconds = proxy.down.delay_seconds = rng.uniform(0.05, 0.3)


def cut_into_slices(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.up.slice_bytes = proxy.down.slice_bytes = rng.randint(3, 40)


def stall_up(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.up.flowing.clear()


def stall_down(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.down.flowing.clear()


def cut(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.cut()


def cut_some(proxy: TcpProxy, rng: random.Random) -> None:
    chosen = {i for i in range(len(proxy.links)) if rng.random() < 0.5}
    proxy.cut(chosen.__contains__)


def cut_off(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.refusing = True
    proxy.cut()


def half_open(proxy: TcpProxy, rng: random.Random) -> None:
    chosen = {i for i in range(len(proxy.links)) if rng.random() < 0.5} or {0}
    proxy.leave_half_open(chosen.__contains__)


@dataclass(slots=True)
class NotReading:
    """Clients that read nothing for a while. `talkers` is set by whoever runs the workload."""

    name: str = "clients do not read"
    seconds: float = 6.0
    talkers: list[Any] = field(default_factory=list)
    chosen: list[Any] = field(default_factory=list)

    async def inject(self, system: System, rng: random.Random) -> None:
        self.chosen = [t for t in self.talkers if rng.random() < 0.5] or self.talkers[:1]
        for talker in self.chosen:
            talker.reading.clear()

    async def heal(self, system: System, rng: random.Random) -> None:
        for talker in self.chosen:
            talker.reading.set()


@dataclass(slots=True)
class Duplicate:
    """Envelopes appear a second time in the logs of deliveries and of shards, up to a second later, without id."""

    name: str = "duplicated deliveries"
    seconds: float = 6.0
    subscriptions: list[Subscription] = field(default_factory=list)
    copied: set[bytes] = field(default_factory=set)
    copies: int = 0

    async def inject(self, system: System, rng: random.Random) -> None:
        bus = await system.own_bus()
        loop = asyncio.get_running_loop()

        def take(entry: Entry) -> None:
            digest = blake2b(entry.payload, digest_size=16).digest()
            if digest not in self.copied and rng.random() < 0.5:
                self.copied.add(digest)
                loop.call_later(rng.uniform(0.0, 1.0), self._again, bus, entry)

        for stream, subject in ((subjects.DELIVERIES, "natter.deliver.*"), (subjects.SHARDS, "natter.shard.*.*")):
            self.subscriptions.append(await bus.subscribe(stream, (subject,), take, start=Start.NEW))

    def _again(self, bus: Any, entry: Entry) -> None:
        self.copies += 1
        bus.publish(entry.subject, entry.payload).add_done_callback(lambda f: f.cancelled() or f.exception())

    async def heal(self, system: System, rng: random.Random) -> None:
        for subscription in self.subscriptions:
            await subscription.stop()
        self.subscriptions.clear()
        self.copied.clear()
        await asyncio.sleep(1.0)
        if not self.copies:
            raise AssertionError("nothing was duplicated")


@dataclass(slots=True)
class StreamFull:
    """A js_stream takes nothing more, as when the disk is full: its limit stays at what it holds."""

    stream: str
    seconds: float = 6.0
    task: asyncio.Task[None] | None = None
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.stream} full"

    async def inject(self, system: System, rng: random.Random) -> None:
        bus = await system.own_bus()
        self.before = (await bus.requests.api(f"STREAM.INFO.{self.stream}"))["config"]
        self.task = asyncio.create_task(self._fill(bus))

    async def _fill(self, bus: NatsBus) -> None:
        while True:
            used = (await bus.usage(self.stream)).bytes_used
            await bus.requests.api(f"STREAM.UPDATE.{self.stream}", {**self.before, "max_bytes": max(1, used)})
            await asyncio.sleep(FULL_SECONDS)

    async def heal(self, system: System, rng: random.Random) -> None:
        if self.task is not None:
            await ended(self.task)
        bus = await system.own_bus()
        await bus.requests.api(f"STREAM.UPDATE.{self.stream}", self.before)


@dataclass(slots=True)
class RollingRestart:
    """Every process in turn is told to end (SIGTERM), and is back before the next one: an upgrade under load."""

    services: tuple[str, ...]
    name: str = "rolling restart"
    seconds: float = 0.0

    async def inject(self, system: System, rng: random.Random) -> None:
        for process in [p for p in system.processes() if p["service"] in self.services]:
            system.signal(process["pid"], signal.SIGTERM)
            end = asyncio.get_running_loop().time() + ENDS_SECONDS_MAX
            while process["pid"] in [p["pid"] for p in system.processes()]:
                if asyncio.get_running_loop().time() > end:
                    raise AssertionError(f"{process['instance']} does not end")
                await asyncio.sleep(0.02)
            await system.all_up()

    async def heal(self, system: System, rng: random.Random) -> None:
        await system.all_up()


@dataclass(slots=True)
class KillEverything:
    """Every process, nats-server too, in random order and with pauses; the launcher starts each again."""

    name: str = "kill everything"
    seconds: float = 0.0

    async def inject(self, system: System, rng: random.Random) -> None:
        pids = [p["pid"] for p in system.processes()]
        rng.shuffle(pids)
        for pid in pids:
            system.signal(pid, signal.SIGKILL)
            await asyncio.sleep(rng.uniform(0.0, 0.1))

    async def heal(self, system: System, rng: random.Random) -> None:
        await system.all_up()


@dataclass(slots=True)
class KillLauncher:
    """kill -9 of `natter up`, which takes everything along; then started again on the same data."""

    name: str = "kill natter up, start again"
    seconds: float = 0.5

    async def inject(self, system: System, rng: random.Random) -> None:
        assert system.stack.process is not None
        system.stack.process.kill()
        system.stack.process.wait()

    async def heal(self, system: System, rng: random.Random) -> None:
        await system.restart()


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def bus_of(service: str) -> Callable[[System], TcpProxy]:
    return lambda system: system.bus_proxies[service]


def clients(system: System) -> TcpProxy:
    return system.client_proxy


ALL = ("gateway", "router", "presence", "muc", "accounts", "metrics", "nats")


def every_fault() -> list[Fault]:
    """The whole catalogue."""
    found: list[Fault] = [Nothing()]
    found += [Kill(service) for service in ALL]
    # Nobody waits for it; what was said is in archives afterwards: `--database`.
    found += [Kill("archive"), Freeze("archive", 20.0)]
    found += [KillAtRandom(tuple(s for s in ALL if s != "gateway"), "kill at random, not gateways")]
    found += [KillAtRandom(ALL, "kill at random for 60 s", 60.0, (5.0, 5.0))]
    found += [Freeze(service, seconds) for seconds in (5.0, 20.0) for service in ALL]
    for service in ("gateway", "router", "presence", "muc"):
        found += [Wire(f"bus–{service} delayed", bus_of(service), delay)]
        found += [Wire(f"bus–{service} stalled up", bus_of(service), stall_up, 8.0)]
        found += [Wire(f"bus–{service} stalled down", bus_of(service), stall_down, 8.0)]
        found += [Wire(f"bus–{service} cut", bus_of(service), cut, 0.0)]
        found += [Wire(f"bus–{service} cut off", bus_of(service), cut_off, 4.0)]
    found += [Wire("bus–router sliced", bus_of("router"), cut_into_slices)]
    found += [Wire("gateways cut off for 12 s", bus_of("gateway"), cut_off, 12.0)]
    found += [Wire("clients delayed", clients, delay), Wire("clients sliced", clients, cut_into_slices)]
    found += [Wire("clients stalled up", clients, stall_up), Wire("clients stalled down", clients, stall_down)]
    found += [Wire("clients cut", clients, cut_some, 0.0), Wire(HALF_OPEN, clients, half_open, 6.0)]
    found += [NotReading(), Duplicate()]
    found += [StreamFull(name) for name in (subjects.LANES, subjects.DELIVERIES, subjects.SHARDS, subjects.JOURNALS)]
    found += [FailAt(s, p) for s in ("router", "muc", "gateway") for p in ("after-append-before-ack", "mid-batch")]
    found += [FailAt("presence", "after-append-before-ack", 3), FailAt("presence", "mid-batch", 3)]
    found += [FailAt("router", "after-ack-before-route"), FailAt("muc", "after-ack-before-route")]
    found += [FailAt("presence", "after-ack-before-route", 3), FailAt("muc", "mid-snapshot", 1)]
    found += [KillEverything(), KillLauncher(), RollingRestart(ALL)]
    return found


def few_faults() -> list[Fault]:
    """The short form."""
    return [
        Kill("router"),
        Kill("muc"),
        Wire("bus–router cut", bus_of("router"), cut, 0.0),
        FailAt("router", "mid-batch"),
        Duplicate(seconds=2.0),
        Freeze("router", 3.0),
    ]
