"""`natter up`: the whole system on one machine, started in order, kept alive, said in run.json, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natter.bus.api import BusError

from . import certificates, natsserver, runfile, spine
from .addresses import Address, Reservation, reserve
from .connecting import Credentials, ensure_streams, of_settings, open_bus
from .plan import LISTENERS, Flags, Plan, command_of, cores, make, programs
from .settings import SettingsError
from .supervisor import Program, StartFailed, Supervisor
from .terminal import Terminal

NATS = "nats"
NATS_INSTANCE = "nats-1"
# Together below 10 s: gateways first, so that the others still see their sessions end; nats-server last.
STOP_GATEWAYS_SECONDS_MAX = 5.0
STOP_SERVICES_SECONDS_MAX = 3.5
STOP_NATS_SECONDS_MAX = 1.0


@dataclass(slots=True)
class Launcher:
    """One running `natter up`."""

    plan: Plan
    terminal: Terminal
    command: Callable[[str], tuple[str, ...]] = command_of
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    supervisor: Supervisor = field(init=False)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    nats: str = ""
    ready: bool = False

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.terminal, self.write_run_file)

    async def run(self) -> int:
        """Until SIGINT or SIGTERM. Exit status 0, or 1 when it could not start. Raises `SettingsError`."""
        began = time.monotonic()
        data = self.plan.data
        self._make_folders()
        lock = runfile.Lock(data)
        lock.take()
        runfile.remove(data)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        try:
            await self._unless_stopped(self._start(lock))
            if not self.stopping.is_set():
                self.ready = True
                self.write_run_file()
                self._say_ready(time.monotonic() - began)
                await self.stopping.wait()
            return 0
        except (StartFailed, BusError) as error:
            self.terminal.say(f"natter cannot start: {error}", "red")
            return 1
        finally:
            await self._stop()
            for reservation in self.reservations.values():
                reservation.close()
            lock.release()

    def write_run_file(self) -> None:
        """Bring run.json up to date, from the time when everything is ready."""
        if self.ready and not self.stopping.is_set():
            runfile.write(self.plan.data, self.endpoints(), self.supervisor.running())

    def endpoints(self) -> dict[str, Any]:
        """Where everything is: what the launcher chose, then what the services told."""
        found: dict[str, Any] = {name: str(self.reservations[name].address) for name in self.plan.listeners}
        found |= {"nats": self.nats, "domain": self.plan.server.domain, "ops": {}}
        for told in self.supervisor.notices():
            for name, address in told.endpoints.items():
                if name == "ops":
                    found["ops"][told.instance] = address
                else:
                    found.setdefault(name, address)
        return found

    async def _start(self, lock: runfile.Lock) -> None:
        certificate, key = self._certificate()
        listeners = {
            name: self._reserve(name, wanted, LISTENERS[name][1], shared=LISTENERS[name][0] == "gateway")
            for name, wanted in self.plan.listeners.items()
        }
        credentials = await self._start_bus(lock)
        wanted_programs = programs(
            self.plan,
            listeners=listeners,
            ops=lambda instance: self._reserve(f"ops {instance}", Address("127.0.0.1", 0), "--set runtime.ops_port"),
            credentials=credentials,
            certificate=certificate,
            key=key,
            environ=self.environ,
            command=self.command,
        )
        self.terminal.say(
            f"starting {len(wanted_programs)} processes: {', '.join(f'{s} × {n}' for s, n in self.plan.services)}"
        )
        for program in wanted_programs:
            self.supervisor.start(program)
        seconds = self.plan.runtime.start_seconds_max
        async with asyncio.TaskGroup() as group:
            for program in wanted_programs:
                group.create_task(self.supervisor.ready(program.instance, seconds_max=seconds))

    async def _start_bus(self, lock: runfile.Lock) -> Credentials:
        settings = self.plan.bus
        folder = self.plan.data / "nats"
        if self.plan.external_nats:
            credentials = of_settings(settings)
            natsserver.write_credentials(folder, credentials)
            self.nats = spine.host_port(credentials.url)
            self.terminal.say(f"using NATS at {self.nats}")
        else:
            listen = self._reserve(NATS, Address("127.0.0.1", 0), "nats")
            log = self.plan.data / "log" / f"{NATS_INSTANCE}.log"
            credentials, configuration = natsserver.prepare(folder, listen, log)
            command = (str(natsserver.program()), "-c", str(configuration))
            self.nats = str(listen)
            self.terminal.say(f"starting nats-server on {self.nats}")
            environ = {"PATH": self.environ.get("PATH", os.defpath), "HOME": str(folder)}
            environ |= natsserver.environment(cores())
            output = self.plan.data / "log" / f"{NATS_INSTANCE}.out"
            self.supervisor.start(Program(NATS, NATS_INSTANCE, command, environ, None, output, (lock.fd,)))
            await self.supervisor.ready(NATS_INSTANCE, seconds_max=self.plan.runtime.start_seconds_max)
        await self._wait_for_bus(credentials)
        return credentials

    async def _wait_for_bus(self, credentials: Credentials) -> None:
        """JetStream is up when the js_streams can be made."""
        seconds = self.plan.runtime.start_seconds_max
        try:
            bus = await open_bus(credentials, "natter-up", seconds_max=seconds, say=self.terminal.say)
            try:
                profile = self.plan.server.profile
                await ensure_streams(bus, self.plan.bus, profile, seconds_max=seconds, say=self.terminal.say)
            finally:
                await bus.close()
        except BusError as error:
            log = "" if self.plan.external_nats else f"; see {self.plan.data / 'log' / NATS_INSTANCE}.log"
            raise StartFailed(f"{error}{log}") from None

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Start; give up at once when told to stop meanwhile."""
        starting = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        try:
            await starting
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _stop(self) -> None:
        """Gateways, the other services, nats-server; each in its time, then by force."""
        self.ready = False
        self.stopping.set()
        runfile.remove(self.plan.data)
        supervisor = self.supervisor
        others = [service for service, _ in self.plan.services if service != "gateway"]
        if supervisor.children:
            self.terminal.say("stopping")
        await supervisor.terminate(["gateway"], seconds_max=STOP_GATEWAYS_SECONDS_MAX)
        late = await supervisor.terminate([*others, "gateway"], seconds_max=STOP_SERVICES_SECONDS_MAX)
        if late:
            self.terminal.say(f"not ended in time, killed: {', '.join(late)}", "yellow")
            await supervisor.kill([*others, "gateway"])
        await supervisor.terminate([NATS], seconds_max=STOP_NATS_SECONDS_MAX)
        await supervisor.kill([NATS])

    def _make_folders(self) -> None:
        data = self.plan.data
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("run", "log", "nats"):
                (data / name).mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(f"--data {data}: cannot be made: {error.strerror}") from None

    def _certificate(self) -> tuple[Path, Path]:
        server = self.plan.server
        if server.tls_certificate or server.tls_key:
            certificate, key = Path(server.tls_certificate).absolute(), Path(server.tls_key).absolute()
            wrong = certificates.unusable(certificate, key)
            if wrong:
                raise SettingsError(f"server.tls_certificate: {wrong}")
            return certificate, key
        made = certificates.ensure(self.plan.data / "tls", server.domain)
        return made.certificate, made.key

    def _reserve(self, name: str, wanted: Address, flag: str, *, shared: bool = False) -> Address:
        reservation = self.reservations[name] = reserve(wanted, flag, shared=shared)
        return reservation.address

    def _say_ready(self, seconds: float) -> None:
        found = self.endpoints()
        words = {"c2s": "clients", "c2s_tls": "clients (direct TLS)", "http": "web", "nats": "NATS"}
        where = ", ".join(f"{word} {found[name]}" for name, word in words.items() if name in found)
        own = not self.plan.server.tls_certificate
        authority = f", CA {shown(self.plan.data / 'tls' / 'ca.pem')}" if own else ""
        self.terminal.say(f"natter is ready in {seconds:.1f} s: domain {found['domain']}, {where}{authority}", "green")
        self.terminal.say(f"make a user: {shown(Path(sys.argv[0]))} user add NAME --data {shown(self.plan.data)}")


def shown(path: Path) -> str:
    """A path as short as it can be typed here."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def up(flags: Flags, terminal: Terminal) -> int:
    """Run it. Raises `SettingsError`."""
    return asyncio.run(Launcher(make(flags), terminal).run())
