"""`natter doctor`: looks at everything a system needs, and says of each whether it is well and what to do."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from natter.bus.api import Bus, BusError

from . import addresses, certificates, natsserver, runfile, spine
from .plan import LISTENERS, Flags, Plan, make
from .settings import SettingsError
from .users import CommandFailed, Where, connected, credentials_of

DISK_BYTES_MIN = 2 << 30
OPEN_FILES_MIN = 4096
STREAM_FULL_SHARE = 0.8
CLOCK_SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `advice` is empty when all is well."""

    subject: str
    text: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.advice


async def examine(flags: Flags, nats: str = "") -> list[Finding]:
    """Everything there is to say."""
    try:
        plan = make(flags)
    except SettingsError as error:
        return [Finding("settings", str(error), "correct it; docs/generated/settings.md has every key")]
    running = runfile.read(plan.data)
    found = [Finding("settings", f"{len(plan.given)} given, all known")]
    found += [disk(plan.data), open_files()]
    found += certificate(plan)
    found += answering(running) if running else free_ports(plan)
    if running:
        found.append(await asyncio.to_thread(processes, running))
    if running or nats or plan.external_nats:
        found += await bus(Where(plan.data, nats or (plan.bus.url if plan.external_nats else ""), plan.bus), plan)
    else:
        found.append(embedded_nats())
        found.append(Finding("running", f"nothing runs in {plan.data}; `natter up` starts it"))
    return found


def disk(data: Path) -> Finding:
    """Room for the bus's store and the databases."""
    folder = next(p for p in (data, *data.parents) if p.exists())
    try:
        free = shutil.disk_usage(folder).free
        if data.exists():
            probe = data / ".doctor"
            probe.write_bytes(b"")
            probe.unlink()
    except OSError as error:
        return Finding(
            "disk", f"{data}: {error.strerror}", "make the folder writable for this user, or choose another --data"
        )
    text = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if free < DISK_BYTES_MIN:
        return Finding("disk", text, f"free at least {DISK_BYTES_MIN >> 30} GiB, or choose another --data")
    return Finding("disk", text)


def open_files() -> Finding:
    """Each connection is a file."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    unlimited = limit == resource.RLIM_INFINITY
    text = "no limit" if unlimited else f"{limit} per process"
    if not unlimited and limit < OPEN_FILES_MIN:
        return Finding("open files", text, f"raise it: ulimit -Hn {OPEN_FILES_MIN * 16}, or LimitNOFILE= in systemd")
    return Finding("open files", text)


def certificate(plan: Plan) -> list[Finding]:
    """Dates, names, key."""
    server = plan.server
    own = bool(server.tls_certificate or server.tls_key)
    path = Path(server.tls_certificate) if own else plan.data / "tls" / "server.pem"
    key = Path(server.tls_key) if own else plan.data / "tls" / "server.key"
    if not own and not path.exists():
        return [Finding("certificate", f"none yet; `natter up` makes one for {server.domain}")]
    advice = (
        "put a certificate and its key at server.tls_certificate and server.tls_key"
        if own
        else f"remove {path} and start `natter up` again: it makes a new one"
    )
    wrong = certificates.problems(path, key, server.domain)
    if wrong:
        return [Finding("certificate", text, advice) for text in wrong]
    return [Finding("certificate", f"{path} for {server.domain}, until {certificates.expires(path):%Y-%m-%d}")]


def free_ports(plan: Plan) -> list[Finding]:
    """Nothing runs: the ports must be free."""
    found = []
    for name, wanted in plan.listeners.items():
        try:
            addresses.reserve(wanted, LISTENERS[name][1]).close()
            found.append(Finding(f"port {name}", f"{wanted} is free"))
        except SettingsError as error:
            text, _, advice = str(error).partition("; ")
            found.append(Finding(f"port {name}", text, advice))
    return found


def answering(running: Mapping[str, Any]) -> list[Finding]:
    """It runs: somebody must answer at each endpoint."""
    found = []
    for name, text in running["endpoints"].items():
        if isinstance(text, str) and name != "domain":
            try:
                address = addresses.parse(text.rpartition("/")[2], name)
                host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
                socket.create_connection((host, address.port), ANSWER_SECONDS_MAX).close()
                found.append(Finding(f"port {name}", f"{text} answers"))
            except (OSError, SettingsError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                found.append(Finding(f"port {name}", f"{text}: {reason}", "see the process's log in DATA/log"))
    return found


def processes(running: Mapping[str, Any]) -> Finding:
    """Each process's own word on whether it is ready."""
    failing = []
    for instance, address in running["endpoints"].get("ops", {}).items():
        try:
            urllib.request.urlopen(f"http://{address}/readyz", timeout=ANSWER_SECONDS_MAX).close()
        except urllib.error.HTTPError as error:
            failing.append(f"{instance} {json.loads(error.read() or b'{}').get('detail', error.code)}")
        except (OSError, ValueError) as error:
            failing.append(f"{instance} does not answer ({error})")
    if failing:
        return Finding("processes", "; ".join(failing), "see DATA/log/<instance>.log")
    return Finding("processes", f"{len(running['processes'])} run and are ready")


def embedded_nats() -> Finding:
    """The program that `natter up` will start."""
    try:
        return Finding("bus", f"{natsserver.program()} will be started by `natter up`")
    except SettingsError as error:
        text, _, advice = str(error).partition("; ")
        return Finding("bus", text, advice)


async def bus(where: Where, plan: Plan) -> list[Finding]:
    """NATS answers, JetStream works, no js_stream is nearly full, and its clock agrees with ours."""
    try:
        async with connected(credentials_of(where)) as link:
            account = await _api(link, "INFO")
            if "error" in account:
                return [Finding("bus", "NATS answers, JetStream does not", "start nats-server with JetStream (-js)")]
            streams = [
                (s.name, await _api(link, f"STREAM.INFO.{s.name}")) for s in spine.specs(plan.bus, plan.server.profile)
            ]
    except CommandFailed as error:
        return [Finding("bus", str(error), "start it, or correct bus.url, bus.user and bus.password")]
    except (BusError, ValueError) as error:
        return [Finding("bus", f"JetStream does not answer: {error}", "look at the log of nats-server")]
    return [Finding("bus", "NATS answers, JetStream works"), *fullness(streams), clock(streams)]


async def _api(link: Bus, verb: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await link.request(f"$JS.API.{verb}", b"", seconds_max=ANSWER_SECONDS_MAX))
    return found


def fullness(streams: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Finding]:
    """A full js_stream refuses what comes: nothing can be accepted any more."""
    found = []
    for name, info in streams:
        if "error" in info:
            found.append(Finding("bus", f"js_stream {name} is missing", "start any service once: it makes it"))
            continue
        used, limit = info["state"]["bytes"], info["config"].get("max_bytes", -1)
        if limit > 0 and used > limit * STREAM_FULL_SHARE:
            text = f"js_stream {name} is {used / limit:.0%} full"
            found.append(
                Finding("bus", text, "find what does not consume it (natter doctor shows processes), or free disk")
            )
    return found or [Finding("bus", "no js_stream is nearly full")]


def clock(streams: Iterable[tuple[str, Mapping[str, Any]]], now: datetime | None = None) -> Finding:
    """Certificates, delays and traces need one time everywhere."""
    now = now or datetime.now(UTC)
    told = [str(info["ts"]) for _, info in streams if "ts" in info]
    if not told:
        return Finding("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, NATS does not tell its own")
    # Nanoseconds are more than fromisoformat reads in Python 3.11's datetime: keep microseconds.
    whole, _, fraction = told[-1].rstrip("Z").partition(".")
    there = datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
    apart = abs((now - there).total_seconds())
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC, {apart:.1f} s from NATS"
    return Finding("clock", text, "set both clocks by NTP" if apart > CLOCK_SECONDS_MAX else "")
