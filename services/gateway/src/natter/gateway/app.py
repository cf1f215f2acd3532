"""Composition root of the gateway: what there is, and the order of coming and going."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from natter.bus import subjects
from natter.bus.api import Bus, BusError, Subscription
from natter.bus.directory import Directory
from natter.bus.facts import FactsWriter
from natter.bus.instances import Instances
from natter.bus.kv import ensure
from natter.bus.sender import Sender
from natter.bus.subjects import LANES
from natter.runtime import process
from natter.runtime.addresses import Address, parse
from natter.runtime.sections import Server
from natter.runtime.settings import SettingsError
from natter.runtime.spine import specs
from natter.telemetry.names import LIMITS_HIT
from natter.xmpp import ns
from natter.xmpp.stream.limits import Limits
from natter.xmpp.stream.opening import Config
from natter.xmpp.xeps import client_state, stream_management

from . import heirs
from .admission import Admission
from .auth import Credentials, Verifier
from .binding import Binding
from .checkpoint import Checkpoints
from .connection import Connection
from .deliveries import Deliveries
from .door import Door, listen
from .exceptional import NEVER, Exceptional
from .fullness import Fullness
from .gate import Gate
from .gateway import Gateway
from .heap import keep_large_blocks_apart
from .logroom import LogRoom
from .position import Position
from .ratelimit import Addresses
from .registration import Registration
from .removal import Removals
from .returns import Returns
from .session import Session
from .settings import Settings
from .tally import Tally
from .tls import server_context

# Checkpoints of gateways that are long gone are forgotten.
CHECKPOINT_SECONDS = 2 * 86400.0
LAST_WORDS_SECONDS_MAX = 1.0


async def app(ctx: process.Context[Settings]) -> None:
    """The gateway as a process."""
    keep_large_blocks_apart()
    gateway = Running(
        ctx.bus,
        ctx.settings,
        ctx.server,
        instance=ctx.instance,
        lanes=ctx.bus_settings.lanes,
        sample_ratio=ctx.telemetry_settings.sample_ratio,
        traces_per_second_max=ctx.telemetry_settings.traces_per_second_max,
        slow_seconds=ctx.telemetry_settings.slow_seconds,
        window_seconds=next(s for s in specs(ctx.bus_settings, ctx.server.profile) if s.name == LANES).age_seconds_max,
    )
    ctx.on_drain(gateway.stop)
    await gateway.start()
    ctx.background(gateway.sweep(), "time-outs")
    ctx.ready("listening", lambda: bool(gateway.listeners))
    for name, address in gateway.addresses.items():
        ctx.endpoint(name, str(address))


def context_of(server: Server) -> ssl.SSLContext | None:
    """TLS with the configured certificate; None only where plaintext is allowed."""
    if server.tls_certificate and server.tls_key:
        return server_context(Path(server.tls_certificate), Path(server.tls_key))
    if not server.allow_plaintext:
        raise SettingsError("server.tls_certificate and server.tls_key: the gateway serves clients with TLS only")
    return None


def lane_of(incarnation: str, lanes: int, settings: Settings) -> int:
    """The one lane that this process writes to."""
    if settings.lane >= lanes:
        raise SettingsError(f"gateway.lane {settings.lane}: there are {lanes} lanes (bus.lanes)")
    return settings.lane if settings.lane >= 0 else crc32(incarnation.encode()) % lanes


def stream_config(settings: Settings, server: Server, *, tls_available: bool) -> Config:
    """What every stream is told and held to."""
    return Config(
        domain=server.domain,
        tls_available=tls_available,
        tls_required=not server.allow_plaintext,
        registration=server.open_registration,
        # RFC 6121 §2.6.1 and §3.4: the presence service keeps roster versions and pre-approvals.
        features=(
            f"<ver xmlns='{ns.ROSTER_VERSIONING}'/><sub xmlns='{ns.PRE_APPROVAL}'/>"
            f"{stream_management.FEATURE}{client_state.FEATURE}"
        ),
        nonzas=stream_management.NONZAS | client_state.NONZAS,
        before=Limits(
            stanza_bytes_max=settings.preauth_bytes_max,
            depth_max=settings.preauth_depth_max,
            elements_max=settings.preauth_elements_max,
            attributes_max=settings.attributes_max,
            namespaces_max=settings.namespaces_max,
            total_bytes_max=settings.preauth_bytes_max,
        ),
        after=Limits(
            stanza_bytes_max=settings.stanza_bytes_max,
            depth_max=settings.depth_max,
            elements_max=settings.elements_max,
            attributes_max=settings.attributes_max,
            namespaces_max=settings.namespaces_max,
        ),
        tls_seconds_max=settings.tls_seconds_max,
        bind_seconds_max=settings.bind_seconds_max,
        sasl_failures_max=settings.sasl_failures_max,
    )


def admission_of(settings: Settings, server: Server) -> Admission:
    """The pace of logins; `gateways` is told when others can be seen."""
    own, fleet = settings.logins_per_second, settings.fleet_logins_per_second
    if not server.rate_limits:
        own = fleet = 0.0
    now = asyncio.get_running_loop().time
    return Admission(own, fleet, settings.login_wait_seconds_max, gateways=lambda: 1, now=now)


def put_together(
    bus: Bus, settings: Settings, server: Server, *, incarnation: str, lanes: int, sample_ratio: float
) -> Gateway:
    """Everything one gateway process needs, not yet started."""
    loop = asyncio.get_running_loop()
    lane = Sender(bus, subjects.lane(lane_of(incarnation, lanes, settings)), incarnation, publisher=incarnation)
    returns = Returns(
        put=lane.add,
        later=loop.call_later,
        full=lambda: lane.waiting_bytes > settings.waiting_bytes_max,
        returns_max=settings.returns_max,
    )
    sessions: dict[str, Session] = {}
    tls = context_of(server)
    credentials = Credentials(
        bus,
        loop.time,
        settings.credentials_seconds,
        settings.credentials_max,
        settings.credentials_seconds_max,
    )
    rate: Addresses | None = None
    if server.rate_limits and settings.registrations_per_second:
        rate = Addresses(settings.registrations_per_second, settings.registrations_burst, settings.addresses_max)
    return Gateway(
        settings=settings,
        server=server,
        incarnation=incarnation,
        bus=bus,
        loop=loop,
        tls=tls,
        stream_config=stream_config(settings, server, tls_available=tls is not None),
        lane=lane,
        own=Sender(bus, subjects.deliver(incarnation), incarnation, publisher=f"{incarnation}.own"),
        binding=Binding(
            Directory(bus),
            lane,
            returns,
            incarnation,
            settings.resources_max,
            sessions,
            lane_number=lane_of(incarnation, lanes, settings),
        ),
        returns=returns,
        tally=Tally(FactsWriter(bus, incarnation), sample_ratio),
        credentials=credentials,
        verifier=Verifier(
            threads=settings.verify_threads,
            waiting_max=settings.verify_waiting_max,
            remembered_seconds=settings.verified_seconds,
            remembered_max=settings.verified_max,
        ),
        failures=Addresses(settings.failures_per_second, settings.failures_burst, settings.addresses_max),
        admission=admission_of(settings, server),
        gate=Gate(settings.lag_seconds_max if server.rate_limits else 0.0, time.perf_counter, loop.call_later),
        registration=Registration(bus, credentials, loop.time, settings.credentials_seconds_max, rate),
        removals=Removals(credentials, sessions, server.domain, loop.call_later),
        sessions=sessions,
    )


@dataclass(slots=True)
class Running:
    """One gateway from start to stop."""

    bus: Bus
    settings: Settings
    server: Server
    instance: str
    lanes: int
    sample_ratio: float = 0.0
    traces_per_second_max: float = 0.0
    slow_seconds: float = 0.0
    # How long lanes are kept.
    window_seconds: float = 600.0
    gateway: Gateway = field(init=False)
    instances: Instances = field(init=False)
    subscription: Subscription | None = None
    checkpoints: Checkpoints | None = None
    position: Position | None = None
    saving: asyncio.Task[None] | None = None
    listeners: list[Door] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A new name with every start: nothing meant for the process before is taken for this one.
        incarnation = f"{self.instance}-{secrets.token_hex(4)}"
        self.gateway = put_together(
            self.bus,
            self.settings,
            self.server,
            incarnation=incarnation,
            lanes=self.lanes,
            sample_ratio=self.sample_ratio,
        )
        sessions = self.gateway.sessions
        self.instances = instances = Instances(
            # Who scales the gateways wants to know the emptiest.
            self.bus,
            "gateway",
            incarnation,
            tell=lambda: str(len(sessions)).encode(),
        )
        self.gateway.tally.traces_per_second_max = self.traces_per_second_max
        self.gateway.tally.exceptional = Exceptional(int(self.slow_seconds * 1e6) or NEVER, self.traces_per_second_max)
        self.gateway.certain_at = lambda: instances.renewed_at
        self.gateway.admission.gateways = lambda: len(instances.live())

    async def start(self) -> None:
        """Be ready to deliver, then listen."""
        gateway = self.gateway
        directory = gateway.binding.directory
        await directory.start()
        directory.on_change(gateway.binding.changed)
        # Before the first session exists: a directory record without a live instance is a ghost.
        await self.instances.start()
        # Who stood still knows what became of his sessions before he believes again that they are his.
        self.instances.on_gap = directory.sync
        await gateway.removals.start(self.bus, directory)
        deliveries = Deliveries(
            gateway.sessions,
            gateway.returns,
            gateway.tally,
            gateway.wake,
            cursor=gateway.cursor,
            crowd=gateway.crowd,
            incarnation=gateway.incarnation,
            control=gateway.control,
            moved=gateway.binding.is_elsewhere,
        )
        await ensure(self.bus, subjects.bucket_spec(subjects.CHECKPOINTS, age_seconds=CHECKPOINT_SECONDS))
        start = await self.bus.last_sequence(subjects.LANES)
        self.checkpoints = checkpoints = Checkpoints(gateway, self.bus, deliveries.marks, start)
        await checkpoints.write()
        self.position = Position(
            self.bus,
            gateway.incarnation,
            gateway.worked_off,
            lambda: gateway.sessions.values(),
            gateway.returned,
        )
        await self.position.start()
        self.saving = gateway.loop.create_task(self.position.run())
        self.subscription = await self.bus.subscribe(
            subjects.DELIVERIES, (subjects.deliver(gateway.incarnation),), deliveries.take
        )
        gateway.returns.crowded = self._crowded
        gateway.spawn(checkpoints.run(self.settings.checkpoint_seconds))
        gateway.spawn(heirs.inherit(gateway))
        gateway.spawn(LogRoom(gateway, self._done).run())
        gateway.spawn(Fullness(gateway, self.window_seconds).run())
        await self._listen("c2s", self.settings.c2s, lambda: Connection(gateway))
        if gateway.tls is not None:
            await self._listen(
                "c2s_tls", self.settings.c2s_tls, lambda: Connection(gateway, direct_tls=True), gateway.tls
            )

    def _done(self) -> int:
        """The highest entry of the delivery log that nobody needs."""
        assert self.checkpoints is not None and self.position is not None
        return min(self.checkpoints.done(), self.position.saved)

    def _crowded(self, crowded: bool) -> None:
        """So much waits to be handed back that no more deliveries are read now."""
        if self.subscription is None:
            return
        if crowded:
            LIMITS_HIT.add("returns")
            self.subscription.pause()
        else:
            self.subscription.resume()

    async def _listen(
        self, name: str, wanted: str, factory: Callable[[], Connection], tls: ssl.SSLContext | None = None
    ) -> None:
        if not wanted:
            return
        address = parse(wanted, f"gateway.{name}")
        gateway = self.gateway
        sockets = listen(address.host, address.port, self.settings.backlog)
        for listening in sockets:
            door = Door(
                gateway.loop,
                gateway.gate,
                listening,
                factory,
                gateway.spawn,
                tls,
                self.settings.tls_seconds_max,
                self.settings.close_seconds_max,
                self.settings.backlog,
            )
            self.listeners.append(door)
            door.open()
        host, port = sockets[0].getsockname()[:2]
        self.addresses[name] = Address(host, port)

    async def sweep(self) -> None:
        """Look at time-outs until cancelled."""
        seconds = self.gateway.sweep_seconds()
        looked = self.gateway.loop.time()
        while True:
            await asyncio.sleep(seconds)
            self.gateway.sweep()
            now = self.gateway.loop.time()
            self.gateway.tally.look(now - looked)
            looked = now

    async def stop(self) -> None:
        """Take no new connection, close the others, store what they said, leave the directory."""
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        try:
            async with asyncio.timeout(self.settings.drain_seconds_max):
                await self.gateway.drain()
        except TimeoutError:
            # The bus is away: what is left in the directory goes with this instance's key.
            pass
        for task in list(self.gateway.tasks):
            task.cancel()
        if self.subscription is not None:
            await self.subscription.stop()
        await self.gateway.removals.stop()
        await self._all_written()
        await self._last_words()
        self.gateway.verifier.close()
        await self.gateway.tally.facts.close()
        await self.gateway.own.close()
        await self.gateway.lane.close()
        await self.gateway.binding.directory.stop()
        await self.instances.stop()

    async def _last_words(self) -> None:
        """What was done to the end, so that whoever takes sessions over has little to read."""
        await self.gateway.takeovers.close()
        if self.checkpoints is None:
            return
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS_MAX):
                await self.checkpoints.write()
        except (TimeoutError, BusError):
            # The one before will do.
            pass

    async def _all_written(self) -> None:
        """Nothing is left to hand back, unless the lane did not take it: then the position stays for the janitor."""
        if self.saving is not None:
            self.saving.cancel()
        gateway = self.gateway
        left = gateway.lane.waiting_frames or gateway.returns.count or gateway.binding.releasing
        if self.position is not None and not left:
            try:
                async with asyncio.timeout(1.0):
                    await self.position.stop()
            except TimeoutError:
                pass
