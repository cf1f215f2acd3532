"""What `natter up` will run: flags and settings in, checked addresses and programs out. Starts nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .addresses import Address, is_loopback, parse
from .connecting import Credentials
from .sections import SHARED, BusSection, RuntimeSection, Server
from .settings import (
    Given,
    SettingsError,
    as_environment,
    gather,
    other_environment,
    service_models,
    validate,
)
from .supervisor import Program

GATEWAYS_MAX = 8
# What `natter up` runs beside nats-server. Started together, stopped gateways first.
SERVICES = ("accounts", "router", "presence", "muc", "archive", "metrics", "gateway")
# Where people reach natter: setting, flag, and the address when nothing else is said.
LISTENERS = {
    "c2s": ("gateway", "--c2s", "127.0.0.1:5222"),
    "c2s_tls": ("gateway", "--c2s-tls", ":5223"),
    "http": ("metrics", "--http", ":5280"),
    # Where operators ask: this machine's business, whatever others reach.
    "admin": ("accounts", "--set accounts.admin", "127.0.0.1:5281"),
}
TEST_FLAGS = {
    "--allow-plaintext": ("allow_plaintext", True),
    "--open-registration": ("open_registration", True),
    "--no-rate-limits": ("rate_limits", False),
}


@dataclass(frozen=True, slots=True)
class Flags:
    """What was said on the command line; empty where nothing was."""

    config: str | None = None
    data: str = ""
    domain: str = ""
    c2s: str = ""
    c2s_tls: str = ""
    http: str = ""
    nats: str = ""
    gateways: int = 0
    routers: int = 0
    allow_plaintext: bool = False
    open_registration: bool = False
    no_rate_limits: bool = False
    profile: str = ""
    set: tuple[str, ...] = ()

    def overrides(self) -> list[str]:
        """The flags as settings."""
        values: dict[str, Any] = {
            "server.data": self.data,
            "server.domain": self.domain,
            "server.profile": self.profile,
            "gateway.c2s": self.c2s,
            "gateway.c2s_tls": self.c2s_tls,
            "metrics.http": self.http,
            "bus.url": self.nats,
            "runtime.gateways": self.gateways,
            "runtime.routers": self.routers,
            "server.allow_plaintext": self.allow_plaintext and "true",
            "server.open_registration": self.open_registration and "true",
            "server.rate_limits": self.no_rate_limits and "false",
        }
        return [*(f"{name}={value}" for name, value in values.items() if value), *self.set]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before the first process starts."""

    given: Sequence[Given]
    server: Server
    bus: BusSection
    runtime: RuntimeSection
    data: Path
    # Name to wanted address; port 0 is not chosen yet. Only what an installed service listens on.
    listeners: Mapping[str, Address]
    external_nats: bool
    services: Sequence[tuple[str, int]]
    # Each gateway gets a lane of its own, round and round, unless the settings name one.
    spread_lanes: bool = False


def make(
    flags: Flags,
    *,
    environ: Mapping[str, str] | None = None,
    services: Sequence[str] = SERVICES,
    models: Mapping[str, type[BaseModel]] | None = None,
) -> Plan:
    """Check everything that can be checked without touching anything. `SettingsError` when something is wrong."""
    models = service_models() if models is None else models
    sections = {**SHARED, **models}
    overrides = [o for o in flags.overrides() if not o.startswith("metrics.http=") or _listens(models, "http")]
    given = gather(file=flags.config, environ=environ, overrides=overrides)
    found = validate(given, sections, ())
    server, bus, runtime = found["server"], found["bus"], found["runtime"]
    listeners = _listeners(given, models)
    refuse_exposed(server, listeners)
    counts = {"gateway": runtime.gateways or gateways_for(cores()), "router": runtime.routers}
    counts |= {"presence": runtime.presences, "muc": runtime.mucs}
    return Plan(
        given,
        server,
        bus,
        runtime,
        Path(server.data).absolute(),
        listeners,
        any(g.section == "bus" and g.key == "url" for g in given),
        [(service, counts.get(service, 1)) for service in services if service != "archive" or _keeps(found)],
        "gateway" in models
        and "lane" in models["gateway"].model_fields
        and not any((g.section, g.key) == ("gateway", "lane") for g in given),
    )


def gateways_for(cores: int) -> int:
    """Gateways use half of the CPU that a stanza costs (docs/adr/0016); the other cores are for who serves them."""
    return max(1, min(cores // 2, GATEWAYS_MAX))


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_exposed(server: Server, listeners: Mapping[str, Address]) -> None:
    """The switches for tests are refused where others can reach them."""
    for flag, (key, dangerous) in TEST_FLAGS.items():
        if getattr(server, key) is dangerous:
            for name, address in listeners.items():
                if not is_loopback(address.host):
                    raise SettingsError(
                        f"{flag} is for tests and refused on {address}, which others can reach; "
                        f"leave it out, or listen on loopback: {LISTENERS[name][1]} 127.0.0.1:{address.port}"
                    )


def command_of(service: str) -> tuple[str, ...]:
    """How a service is run."""
    return (sys.executable, "-m", f"natter.{service}")


def programs(
    plan: Plan,
    *,
    listeners: Mapping[str, Address],
    ops: Callable[[str], Address],
    credentials: Credentials,
    certificate: Path,
    key: Path,
    environ: Mapping[str, str],
    command: Callable[[str], tuple[str, ...]] = command_of,
) -> list[Program]:
    """One program per process. `listeners` have their real ports; `ops` gives an instance its operations address."""
    shared = as_environment(
        [
            *plan.given,
            _own("server", "data", plan.data),
            _own("server", "tls_certificate", certificate),
            _own("server", "tls_key", key),
            _own("bus", "url", credentials.url),
            _own("bus", "user", credentials.user),
            _own("bus", "password", credentials.password.get_secret_value()),
            *(_own(LISTENERS[name][0], name, address) for name, address in listeners.items()),
        ]
    )
    made = []
    for service, count in plan.services:
        for number in range(1, count + 1):
            instance = f"{service}-{number}"
            output = plan.data / "log" / f"{instance}.out"
            notice = plan.data / "run" / f"{instance}.json"
            lane = [_own("gateway", "lane", (number - 1) % plan.bus.lanes)] if plan.spread_lanes else []
            own = as_environment(
                [
                    *(lane if service == "gateway" else []),
                    *([_own("bus", "url", other)] if (other := plan.runtime.bus_urls.get(service)) else []),
                    _own("runtime", "instance", instance),
                    _own("runtime", "notice", notice),
                    _own("runtime", "log_file", plan.data / "log" / f"{instance}.log"),
                    _own("runtime", "ops_host", ops(instance).host),
                    _own("runtime", "ops_port", ops(instance).port),
                ]
            )
            made.append(
                Program(service, instance, command(service), other_environment(environ) | shared | own, notice, output)
            )
    return made


def _keeps(found: Mapping[str, Any]) -> bool:
    """Whether there is anything for the archive service to keep."""
    return bool(found["server"].profile == "full" and (found["archive"].enabled or found["archive"].offline))


def _own(section: str, key: str, value: object) -> Given:
    return Given("natter up", section, key, str(value))


def _listens(models: Mapping[str, type[BaseModel]], name: str) -> bool:
    service = LISTENERS[name][0]
    return service in models and name in models[service].model_fields


def _listeners(given: Sequence[Given], models: Mapping[str, type[BaseModel]]) -> dict[str, Address]:
    """What was said; else on the host of c2s, at the usual port, or at free ports where c2s asks for one."""
    said = {(g.section, g.key): str(g.value) for g in given}
    chosen: dict[str, Address] = {}
    for name, (service, flag, default) in LISTENERS.items():
        if not _listens(models, name):
            continue
        text = said.get((service, name))
        if text is None:
            c2s = chosen.get("c2s", Address("127.0.0.1", 5222))
            host = f"[{c2s.host}]" if ":" in c2s.host else c2s.host
            own = parse(f"{host}{default}" if default.startswith(":") else default, flag)
            chosen[name] = Address(own.host, 0) if name != "c2s" and c2s.port == 0 else own
        elif text:
            chosen[name] = parse(text, flag)
    return chosen
