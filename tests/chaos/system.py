"""The system under chaos: `natter up` with two of everything that shares work, and a proxy on every link."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from natter.bus import subjects
from natter.bus.api import BusError
from natter.bus.kv import Bucket
from natter.bus.nats import NatsBus, connect
from stack import Stack
from tcpproxy import TcpProxy

# Services that have a proxy between them and NATS.
SERVICES = ("gateway", "router", "presence", "muc", "accounts", "metrics")
UP_SECONDS_MAX = 40.0
ROOM = "chaos@conference.localhost"
# As many as the settings say without being told.
ROOM_SHARDS = 8


class System:
    """Started once per seed; faults are injected into it one after another."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.flags = flags
        self.folder = folder
        self.stack = Stack(folder / "data")
        self.bus_proxies: dict[str, TcpProxy] = {}
        self.client_proxy = TcpProxy(lambda: self.stack.endpoint("c2s"))
        self.failpoint = folder / "failpoint"
        self.bus: NatsBus | None = None

    async def start(self) -> System:
        """Proxies, then everything else."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.failpoint.write_text("")
        await self.client_proxy.start()
        for service in SERVICES:
            self.bus_proxies[service] = await TcpProxy(self.nats_address).start()
        urls = {service: f"nats://127.0.0.1:{proxy.port}" for service, proxy in self.bus_proxies.items()}
        self.stack.flags = (
            *("--gateways", "2", "--routers", "2", "--allow-plaintext", "--open-registration", "--no-rate-limits"),
            *("--set", "runtime.presences=2", "--set", "runtime.mucs=2"),
            # A lane for each gateway, and one for each router to hold.
            *("--set", "bus.lanes=2"),
            # What was sent to who is not there comes back: that is how it is counted.
            *("--set", "archive.offline=false"),
            # Snapshots often: they are among what may be interrupted.
            *("--set", "muc.snapshot_events=50", "--set", "presence.snapshot_events=10"),
            *("--set", f"runtime.bus_urls={json.dumps(urls)}", "--set", f"runtime.failpoint={self.failpoint}"),
            *self.flags,
        )
        await asyncio.to_thread(self.stack.start)
        return self

    async def stop(self) -> None:
        """Heal what is left, then end it."""
        self.resume_all()
        for proxy in (self.client_proxy, *self.bus_proxies.values()):
            proxy.heal()
        await self.forget_bus()
        try:
            await asyncio.to_thread(self.stack.stop)
        finally:
            for proxy in (self.client_proxy, *self.bus_proxies.values()):
                await proxy.stop()

    async def restart(self) -> None:
        """`natter up` again, after its death, on the same data."""
        await self.forget_bus()
        (self.stack.data / "run.json").unlink(missing_ok=True)
        await asyncio.to_thread(self.stack.start)

    # --- where things are -------------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        """How to reach its NATS; new with every start."""
        found: dict[str, str] = json.loads((self.stack.data / "nats" / "credentials.json").read_text())
        return found

    def nats_address(self) -> tuple[str, int]:
        host, _, port = self.credentials()["url"].rpartition("//")[2].rpartition(":")
        return host, int(port)

    async def own_bus(self) -> NatsBus:
        """The harness's own connection to NATS, past all proxies."""
        if self.bus is None:
            found = self.credentials()
            self.bus = await connect(found["url"], name="chaos", user=found["user"], password=found["password"])
        return self.bus

    async def forget_bus(self) -> None:
        bus, self.bus = self.bus, None
        if bus is not None:
            with suppress(Exception):
                await asyncio.wait_for(bus.close(), 3.0)

    def processes(self) -> list[dict[str, Any]]:
        """service, instance, pid of everything that runs now, nats-server too."""
        with suppress(FileNotFoundError):
            found: list[dict[str, Any]] = self.stack.run_json()["processes"]
            return found
        return []

    def pids(self, service: str) -> list[int]:
        return [p["pid"] for p in self.processes() if p["service"] == service]

    async def victim(self, service: str, rng: random.Random) -> int:
        """A process of the service that has work: of muc the one that holds the room, of the others any."""
        pids = {p["instance"]: p["pid"] for p in self.processes() if p["service"] == service}
        with suppress(BusError, TimeoutError):
            bus = await self.own_bus()
            if service == "muc" and bus.connected():
                number = subjects.shard_of(ROOM, ROOM_SHARDS)
                found = await Bucket(bus, subjects.LEASES).get(f"room.{number}")
                instance = found.value.decode().partition(" ")[0] if found is not None else ""
                if instance in pids:
                    return int(pids[instance])
        return int(pids[rng.choice(sorted(pids))])

    async def all_up(self) -> None:
        """Wait until every process is named in run.json and answers on its page."""
        end = asyncio.get_running_loop().time() + UP_SECONDS_MAX
        while True:
            missing = await self.not_ready()
            if not missing:
                return
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"not ready within {UP_SECONDS_MAX} s: {missing}")
            await asyncio.sleep(0.1)

    async def not_ready(self) -> list[str]:
        """Instances whose /readyz does not say 200."""
        running = {p["instance"] for p in self.processes()}
        wanted = {f"{s}-{n}" for s in ("gateway", "router", "presence", "muc") for n in (1, 2)}
        wanted |= {"accounts-1", "metrics-1", "nats-1"}
        missing = sorted(wanted - running)
        if missing:
            return missing
        pages = self.stack.run_json()["endpoints"]["ops"]
        # One that is starting has no page yet.
        missing = sorted(wanted - set(pages) - {"nats-1"})
        return missing + [name for name, address in pages.items() if not await ready(str(address))]

    # --- signals ----------------------------------------------------------------------------------------------------

    def signal(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def resume_all(self) -> None:
        for process in self.processes():
            self.signal(process["pid"], signal.SIGCONT)


async def ready(address: str) -> bool:
    """Whether a process says that it is."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return b" 200 " in line
    except (OSError, TimeoutError):
        return False
