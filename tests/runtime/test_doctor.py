"""The doctor, in front of healthy and broken systems."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from natter.runtime import certificates, doctor, plan, runfile
from natter.runtime.doctor import Finding
from natter.runtime.plan import Flags, Plan
from pydantic import BaseModel


class Gateway(BaseModel):
    c2s: str = ""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "service_models", lambda: {"gateway": Gateway})
    monkeypatch.setenv("NATTER_CONFIG", "")


def flags(tmp_path: Path, *more: str, c2s: str = "127.0.0.1:0") -> Flags:
    return Flags(data=str(tmp_path / "data"), c2s=c2s, set=more)


def made(tmp_path: Path, *more: str) -> Plan:
    return plan.make(flags(tmp_path, *more))


def bad(findings: list[Finding]) -> dict[str, str]:
    return {f.subject: f"{f.text} → {f.advice}" for f in findings if not f.well}


async def test_an_empty_folder_is_well(tmp_path: Path) -> None:
    found = await doctor.examine(flags(tmp_path))
    assert bad(found) == {}
    assert {"settings", "disk", "open files", "certificate", "port c2s", "bus", "running"} == {f.subject for f in found}


async def test_wrong_settings_are_all_it_needs_to_say(tmp_path: Path) -> None:
    found = await doctor.examine(flags(tmp_path, "server.domian=x"))
    assert len(found) == 1 and "did you mean 'server.domain'" in bad(found)["settings"]


async def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await doctor.examine(flags(tmp_path, c2s=f"127.0.0.1:{taken.getsockname()[1]}"))
    assert "is in use → stop what listens there" in bad(found)["port c2s"]


def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    one = certificates.ensure(tmp_path / "one", "localhost")
    two = certificates.ensure(tmp_path / "two", "localhost")
    wrong = made(tmp_path, f"server.tls_certificate={one.certificate}", f"server.tls_key={two.key}")
    assert "is not its key" in bad(doctor.certificate(wrong))["certificate"]
    missing = made(tmp_path, f"server.tls_certificate={tmp_path}/none", f"server.tls_key={two.key}")
    assert "cannot be read" in bad(doctor.certificate(missing))["certificate"]
    other = made(
        tmp_path, f"server.tls_certificate={one.certificate}", f"server.tls_key={one.key}", "server.domain=a.example"
    )
    assert "does not name a.example" in bad(doctor.certificate(other))["certificate"]


def test_a_full_disk_and_a_folder_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "DISK_BYTES_MIN", 1 << 60)
    assert "free at least" in doctor.disk(tmp_path).advice
    (tmp_path / "file").touch()
    assert "choose another --data" in doctor.disk(tmp_path / "file").advice


def test_too_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.resource, "getrlimit", lambda _: (256, 256))
    assert "ulimit" in doctor.open_files().advice


async def test_a_running_system_is_well_and_a_dead_part_is_found(tmp_path: Path, up: Callable[..., Any]) -> None:
    one = await up().start()
    found = await doctor.examine(flags(tmp_path))
    assert bad(found) == {}
    assert "clock" in {f.subject for f in found}
    run = one.run_json()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{nobody.getsockname()[1]}"
        run["endpoints"]["ops"]["router-1"] = gone
        run["endpoints"]["echo"] = gone
        runfile.write(one.data, run["endpoints"], one.launcher.supervisor.running())
        found = await doctor.examine(flags(tmp_path))
    assert "router-1 does not answer" in bad(found)["processes"]
    assert "refused" in bad(found)["port echo"]


async def test_a_nats_that_is_not_there_or_has_no_jetstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natter.runtime.users.CONNECT_SECONDS_MAX", 0.2)
    found = await doctor.examine(flags(tmp_path), "nats://127.0.0.1:9")
    assert "cannot be reached" in bad(found)["bus"]


def test_js_streams_that_are_full_or_missing() -> None:
    nearly = {"state": {"bytes": 90}, "config": {"max_bytes": 100}}
    fine = {"state": {"bytes": 10}, "config": {"max_bytes": 100}}
    assert "js_stream LANES is 90% full" in bad(doctor.fullness([("LANES", nearly)]))["bus"]
    assert "is missing" in bad(doctor.fullness([("LANES", {"error": {"code": 404}})]))["bus"]
    assert bad(doctor.fullness([("LANES", fine)])) == {}


def test_clocks_that_differ() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert doctor.clock([("LANES", {"ts": "2026-01-01T12:00:00.25Z"})], now).well
    assert "NTP" in doctor.clock([("LANES", {"ts": "2026-01-01T12:00:07.123456789Z"})], now).advice
    assert doctor.clock([("LANES", {})], now).well
