"""One process: settings, logs, bus, ops page, the service's app, drain, end. Every service's `__main__` calls `run`."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import uvloop
from natter.bus import failpoint
from natter.bus.api import Bus
from natter.bus.edges import inbox
from natter.telemetry import prometheus
from natter.telemetry.setup import Telemetry
from natter.telemetry.setup import setup as setup_telemetry
from pydantic import BaseModel

from . import jsonlog, notice, vitals
from .connecting import ensure_streams, of_settings, open_bus
from .ops import HttpServer, page
from .sections import ArchiveSection, BusSection, RuntimeSection, Server, TelemetrySection
from .settings import Loaded, SettingsError, load

if TYPE_CHECKING:
    from faststream.nats import NatsBroker

S = TypeVar("S", bound=BaseModel)
R = TypeVar("R")
App = Callable[["Context[S]"], Awaitable[None]]
Check = Callable[[], bool]

READY_POLL_SECONDS = 0.02
# How many new objects there are before the collector looks at them (a millisecond), how often it looks again at those
# that were left, and how often at all there are: in a gateway with 2,500 sessions that is 60 to 125 ms.
GC_THRESHOLDS = (1000, 4, 1000)
EXIT_SETTINGS = 2


@dataclass(slots=True)
class Context(Generic[S]):
    """What a service's app is given, and where it registers what the process must know of it."""

    service: str
    instance: str
    settings: S
    server: Server
    bus_settings: BusSection
    telemetry_settings: TelemetrySection
    runtime_settings: RuntimeSection
    bus: Bus
    log: logging.Logger
    stopping: asyncio.Event
    draining: bool = False
    crashed: bool = False
    endpoints: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    drains: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    archive: ArchiveSection = field(default_factory=lambda: ArchiveSection.model_validate({}))

    def on_drain(self, step: Callable[[], Awaitable[None]]) -> None:
        """Call `step` when the process is told to end, in reverse order: take no new work, finish the old."""
        self.drains.append(step)

    def ready(self, name: str, check: Check) -> None:
        """A condition of readiness."""
        self.checks[name] = check

    def endpoint(self, name: str, address: str) -> None:
        """Tell the launcher where something listens: it lands in run.json."""
        self.endpoints[name] = address
        if "ops" in self.endpoints and not self.not_ready():
            _say_ready(self)

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A task whose crash ends the process; cancelled after the drain."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._background_ended)
        return task

    def not_ready(self) -> list[str]:
        """The names of the conditions that do not hold now."""
        failing = ["draining"] if self.draining or self.stopping.is_set() else []
        if not self.bus.connected():
            failing.append("bus")
        return failing + [name for name, check in self.checks.items() if not check()]

    def broker(self) -> NatsBroker:
        """A FastStream broker for the same NATS: control plane and projections only, never the hot path."""
        from faststream.nats import NatsBroker
        from faststream.nats.security import NatsUserPassword

        user, password = self.bus_settings.user, self.bus_settings.password.get_secret_value()
        return NatsBroker(
            self.bus_settings.url.split(","),
            security=NatsUserPassword(user, password) if user else None,
            name=self.instance,
            inbox_prefix=inbox(user),
            # Its own logger writes every message to standard output.
            logger=logging.getLogger("natter.faststream"),
            max_reconnect_attempts=-1,
            ping_interval=2,
            max_outstanding_pings=2,
        )

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("background task %s crashed", task.get_name(), exc_info=error)
            self.crashed = True
            self.stopping.set()


def run(service: str, model: type[S], app: App[S]) -> None:
    """Be this service until told to end. Exit status 0 after a drain, 1 after a crash, 2 for wrong settings."""
    try:
        loaded = load(service, model)
    except SettingsError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(EXIT_SETTINGS)
    faulthandler.enable()
    _raise_open_files()
    sys.exit(uvloop.run(serve(service, loaded, app)))


async def serve(service: str, loaded: Loaded[S], app: App[S]) -> int:
    """`run` inside a running loop."""
    settings = loaded.runtime
    instance = settings.instance or f"{service}-{socket.gethostname().partition('.')[0]}"
    log = jsonlog.configure(
        service,
        instance,
        level=loaded.telemetry.log_level,
        file=settings.log_file,
        file_bytes_max=settings.log_bytes_max,
    )
    stopping = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _loop_error(log, context))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    if settings.failpoint and loaded.server.open_registration:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, _arm, Path(settings.failpoint))
    telemetry: Telemetry | None = None
    try:
        telemetry = setup_telemetry(service, instance, loaded.telemetry, data=Path(loaded.server.data))
        async with _ops(settings, stopping.set) as (ops_address, not_ready):
            bus = await _unless(stopping, connect(loaded, instance, log))
            if bus is None:
                return 0
            sections = (loaded.service, loaded.server, loaded.bus, loaded.telemetry, settings)
            ctx = Context(service, instance, *sections, bus, log, stopping, archive=loaded.archive)
            not_ready.append(ctx.not_ready)
            return await _live(ctx, app, ops_address)
    except Exception:
        log.exception("cannot start")
        return 1
    finally:
        if telemetry is not None:
            await asyncio.to_thread(telemetry.shutdown)


async def connect(loaded: Loaded[S], instance: str, log: logging.Logger) -> Bus:
    """The bus with its js_streams, waiting for NATS as long as the settings say. Raises `BusError` after that."""
    seconds = loaded.runtime.connect_seconds_max
    bus = await open_bus(of_settings(loaded.bus), instance, seconds_max=seconds, say=log.warning)
    try:
        await ensure_streams(bus, loaded.bus, loaded.server.profile, seconds_max=seconds, say=log.warning)
    except BaseException:
        await bus.close()
        raise
    return bus


@asynccontextmanager
async def _ops(
    settings: RuntimeSection, drain: Callable[[], None]
) -> AsyncIterator[tuple[str, list[Callable[[], Sequence[str]]]]]:
    """The operations page: its address, and a list whose last entry says what is not ready.

    It answers before there is a bus: who waits for NATS is alive, and must not be started anew.
    """
    not_ready: list[Callable[[], Sequence[str]]] = [lambda: ["bus"]]
    app = page(lambda: not_ready[-1](), prometheus.render, drain)
    server = HttpServer(app, settings.ops_host, settings.ops_port)
    await server.start()
    try:
        yield server.address, not_ready
    finally:
        with suppress(TimeoutError):
            await server.stop()


async def _live(ctx: Context[S], app: App[S], ops_address: str) -> int:
    """Start the app, serve until told to stop, drain."""
    try:
        if await _unless(ctx.stopping, _warm_up(ctx, app, ops_address)):
            await ctx.stopping.wait()
    except Exception:
        ctx.log.exception("the service could not start")
        ctx.crashed = True
    await _end(ctx)
    return int(ctx.crashed)


async def _warm_up(ctx: Context[S], app: App[S], ops_address: str) -> bool:
    await app(ctx)
    while ctx.not_ready():  # noqa: ASYNC110 - conditions are plain functions, and cheap
        await asyncio.sleep(READY_POLL_SECONDS)
    # What lives now lives to the end: full collections need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    ctx.background(vitals.watch(), "vitals")
    ctx.endpoint("ops", ops_address)
    ctx.log.info("ready")
    return True


async def _end(ctx: Context[S]) -> None:
    """Drain in reverse order within the bound, then leave."""
    ctx.draining = True
    ctx.stopping.set()
    ctx.log.info("draining")
    try:
        async with asyncio.timeout(ctx.runtime_settings.drain_seconds_max):
            for step in reversed(ctx.drains):
                try:
                    await step()
                except Exception:
                    ctx.log.exception("a drain step failed")
            tasks = list(ctx.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ctx.bus.close()
    except TimeoutError:
        ctx.log.error("draining took longer than %s s", ctx.runtime_settings.drain_seconds_max)
    ctx.log.info("ended")


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, R]) -> R | None:
    """The result of `work`, or None when told to stop before it came."""
    task = asyncio.create_task(work)
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        return await task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


def _loop_error(log: logging.Logger, context: dict[str, Any]) -> None:
    """What a callback raised. asyncio's own words would repeat the callback's arguments, and these may be content."""
    what = re.split(r"[<(]", str(context.get("message", "")))[0].strip()
    log.error("unhandled in the event loop: %s", what, exc_info=context.get("exception"))


def _say_ready(ctx: Context[S]) -> None:
    if ctx.runtime_settings.notice:
        told = notice.Notice(ctx.service, ctx.instance, os.getpid(), ctx.endpoints)
        notice.write(Path(ctx.runtime_settings.notice), told)


def _arm(path: Path) -> None:
    """A test wants this process to die at a point in its code."""
    failpoint.arm(path.read_text())


def _raise_open_files() -> None:
    """Each connection is a file: allow as many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            pass
