"""`natter up` with fake services and a real nats-server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from natter.bus.nats import connect
from natter.runtime import natsserver
from natter.runtime.launcher import shown
from natter.runtime.settings import SettingsError

Make = Callable[..., Any]


def dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_run_json_says_everything_while_it_runs_and_is_gone_afterwards(up: Make) -> None:
    one = await up(domain="a.example").start()
    run = one.run_json()
    assert [(p["service"], p["instance"]) for p in run["processes"]] == [
        ("nats", "nats-1"),
        ("router", "router-1"),
        ("gateway", "gateway-1"),
        ("gateway", "gateway-2"),
    ]
    ends = run["endpoints"]
    assert ends["domain"] == "a.example"
    assert ends["echo"] == ends["c2s"] != "127.0.0.1:0"
    assert set(ends["ops"]) == {"router-1", "gateway-1", "gateway-2"}
    ready = await asyncio.to_thread(urllib.request.urlopen, f"http://{ends['ops']['router-1']}/readyz")
    assert json.loads(ready.read()) == {"status": "ready"}
    pids = [p["pid"] for p in run["processes"]]
    assert await one.stop() == 0
    assert not (one.data / "run.json").exists()
    assert all(dead(p) for p in pids)
    said = one.out.getvalue()
    assert said.count(f"clients {ends['c2s']}") == 1 and "user add NAME" in said and "ca.pem" in said


async def test_the_bus_lets_in_who_has_the_password_only(up: Make) -> None:
    one = await up().start()
    found = natsserver.read_credentials(one.data / "nats")
    assert found and found.url == f"nats://{one.run_json()['endpoints']['nats']}"
    bus = await connect(found.url, name="test", user=found.user, password=found.password.get_secret_value())
    assert await bus.last_sequence("LANES") == 0
    await bus.close()
    host, _, port = one.run_json()["endpoints"]["nats"].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"user":"natter","pass":"wrong"}\r\nPING\r\n')
    assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


async def test_a_killed_service_comes_back_and_run_json_stays_true(up: Make) -> None:
    one = await up().start()
    before = one.run_json()
    [router] = one.pids("router")
    os.kill(router, signal.SIGKILL)
    await one.until(lambda: one.pids("router") not in ([], [router]))
    after = one.run_json()
    assert one.pids("gateway") == [p["pid"] for p in before["processes"] if p["service"] == "gateway"]
    assert "router-1 ended (killed by SIGKILL); starting it again now" in one.out.getvalue()
    # The same addresses as before.
    assert after["endpoints"]["ops"].keys() <= before["endpoints"]["ops"].keys()
    await one.until(lambda: "router-1" in one.run_json()["endpoints"]["ops"])
    assert one.run_json()["endpoints"] == before["endpoints"]


async def test_a_killed_nats_server_comes_back_and_the_services_find_it(up: Make) -> None:
    one = await up().start()
    [nats] = one.pids("nats")
    os.kill(nats, signal.SIGKILL)
    await one.until(lambda: one.pids("nats") not in ([], [nats]))
    url = f"http://{one.run_json()['endpoints']['ops']['router-1']}/readyz"

    def ready() -> bool:
        try:
            return bool(urllib.request.urlopen(url, timeout=2).status == 200)
        except OSError:
            return False

    async with asyncio.timeout(20):
        while not await asyncio.to_thread(ready):
            await asyncio.sleep(0.05)
    assert len(one.pids("router")) == 1


async def test_warnings_of_a_service_are_shown_and_all_its_lines_are_kept(up: Make) -> None:
    one = await up(set=("router.behaviour=warn",)).start()
    await one.until(lambda: "router-1: warning: a warning to be seen" in one.out.getvalue())
    log = (one.data / "log" / "router-1.log").read_text()
    assert [json.loads(line)["level"] for line in log.splitlines()] == ["warning", "info"]


async def test_a_service_that_cannot_start_ends_it_with_the_reason(up: Make, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    one = await up(set=(f"router.crash_file={tmp_path / 'broken'}",)).start()
    assert await one.task == 1
    assert "natter cannot start: router-1 ends before it is ready: the fake service was told" in one.out.getvalue()
    assert not (one.data / "run.json").exists()


async def test_stopping_while_it_starts(up: Make, tmp_path: Path) -> None:
    one = up()
    one.task = asyncio.create_task(one.launcher.run())
    await one.until(lambda: len(one.launcher.supervisor.running()) > 1)
    assert await one.stop() == 0
    assert not (one.data / "run.json").exists()


async def test_a_service_that_does_not_end_is_killed_within_ten_seconds(
    up: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natter.runtime.launcher.STOP_SERVICES_SECONDS_MAX", 0.5)
    one = await up(set=("router.behaviour=slow-drain",)).start()
    [router] = one.pids("router")
    assert await one.stop() == 0
    assert dead(router)
    assert "not ended in time, killed: router-1" in one.out.getvalue()


async def test_a_second_one_on_the_same_folder_is_told_who_holds_it(up: Make) -> None:
    one = await up().start()
    second = up()
    with pytest.raises(SettingsError, match=rf"in use by natter up, process {os.getpid()}"):
        await second.launcher.run()
    assert one.run_json()["processes"]


async def test_a_port_in_use_is_said_before_anything_starts(up: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = up(c2s=f"127.0.0.1:{port}")
        with pytest.raises(SettingsError, match=f"port {port} .* is in use"):
            await one.launcher.run()
    assert one.launcher.supervisor.children == {}


async def test_a_second_start_keeps_authority_and_data(up: Make) -> None:
    one = await up().start()
    authority = (one.data / "tls" / "ca.pem").read_bytes()
    assert await one.stop() == 0
    two = await up().start()
    assert (two.data / "tls" / "ca.pem").read_bytes() == authority
    assert await two.stop() == 0


async def test_own_certificates_are_checked_before_anything_starts(up: Make, tmp_path: Path) -> None:
    one = up(set=(f"server.tls_certificate={tmp_path}/none.pem", f"server.tls_key={tmp_path}/none.key"))
    with pytest.raises(SettingsError, match=r"server.tls_certificate: .* cannot be used: No such file"):
        await one.launcher.run()


async def test_an_external_nats_is_used_and_not_stopped(up: Make, own_nats_server: Any) -> None:
    one = await up(nats=own_nats_server.url).start()
    run = one.run_json()
    assert "nats" not in {p["service"] for p in run["processes"]}
    assert run["endpoints"]["nats"] == own_nats_server.url.removeprefix("nats://")
    assert await one.stop() == 0
    assert own_nats_server.process.poll() is None


def test_paths_are_shown_as_short_as_they_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "data" / "x") == "data/x"
    assert shown(Path("/elsewhere")) == "/elsewhere"
