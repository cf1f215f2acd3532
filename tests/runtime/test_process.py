"""One process from start to end, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from natter.runtime import notice

FAKE = Path(__file__).with_name("fake_service.py")
Start = Callable[..., Any]


class Process:
    """A fake service that runs."""

    def __init__(self, process: asyncio.subprocess.Process, notice_file: Path) -> None:
        self.process = process
        self.notice_file = notice_file
        self.text = b""

    async def ready(self) -> notice.Notice:
        async with asyncio.timeout(20):
            while (told := notice.read(self.notice_file)) is None:
                assert self.process.returncode is None
                await asyncio.sleep(0.01)
        return told

    async def end(self) -> tuple[int, list[dict[str, Any]]]:
        """Exit status and log lines."""
        out, _ = await asyncio.wait_for(self.process.communicate(), 20)
        self.text = out
        return self.process.returncode or 0, [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    running: list[Process] = []

    async def go(url: str, **settings: str) -> Process:
        environ = {
            "PATH": os.environ["PATH"],
            "NATTER_CONFIG": "",
            "NATTER_BUS__URL": url,
            "NATTER_SERVER__PROFILE": "zero",
            "NATTER_SERVER__DATA": str(tmp_path),
            "NATTER_RUNTIME__INSTANCE": "fake-1",
            "NATTER_RUNTIME__NOTICE": str(tmp_path / "notice.json"),
            **{f"NATTER_{k.upper()}": v for k, v in settings.items()},
        }
        made = await asyncio.create_subprocess_exec(
            sys.executable,
            FAKE,
            "router",
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        running.append(Process(made, tmp_path / "notice.json"))
        return running[-1]

    yield go
    for one in running:
        if one.process.returncode is None:
            one.process.kill()
            await one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_drains_in_reverse_order_and_exits_with_0(
    start: Start, nats_url: str, number: signal.Signals
) -> None:
    one = await start(nats_url, router__c2s="127.0.0.1:0")
    told = await one.ready()
    assert (told.service, told.instance, told.pid) == ("router", "fake-1", one.process.pid)
    assert told.endpoints["echo"] == "127.0.0.1:0"
    one.process.send_signal(number)
    status, lines = await one.end()
    assert status == 0
    assert [line["message"] for line in lines] == [
        "ready",
        "draining",
        "drain: last registered",
        "drain: first registered",
        "ended",
    ]


async def test_metrics_and_readiness_are_served(start: Start, nats_url: str) -> None:
    told = await (await start(nats_url)).ready()
    host, _, port = told.endpoints["ops"].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert b" 200 OK\r\n" in answer and b"xmpp_connections_active" in answer


@pytest.mark.parametrize("behaviour", ["crash", "background"])
async def test_a_crash_ends_the_process_with_1(start: Start, nats_url: str, behaviour: str) -> None:
    status, lines = await (await start(nats_url, router__behaviour=behaviour)).end()
    assert status == 1
    [error] = [line for line in lines if line["level"] == "error"]
    assert "RuntimeError: told to crash" in error["exception"]


async def test_what_a_callback_raises_is_logged_without_its_arguments(start: Start, nats_url: str) -> None:
    one = await start(nats_url, router__behaviour="callback")
    await one.ready()
    one.process.terminate()
    status, lines = await one.end()
    [error] = [line for line in lines if line["level"] == "error"]
    assert status == 0
    assert error["message"].startswith("unhandled in the event loop: Exception in callback")
    assert "ZeroDivisionError" in error["exception"] and b"canary" not in one.text


async def test_draining_has_a_bound(start: Start, nats_url: str) -> None:
    one = await start(nats_url, router__behaviour="slow-drain", runtime__drain_seconds_max="0.2")
    await one.ready()
    one.process.terminate()
    status, lines = await one.end()
    assert status == 0
    assert "draining took longer than 0.2 s" in [line["message"] for line in lines]


async def test_it_waits_for_nats_and_says_so_and_can_be_told_to_end(start: Start) -> None:
    one = await start("nats://127.0.0.1:9")
    line = await asyncio.wait_for(one.process.stdout.readline(), 20)
    assert "waiting: NATS at nats://127.0.0.1:9 cannot be reached" in json.loads(line)["message"]
    one.process.terminate()
    assert (await one.end())[0] == 0


async def test_it_gives_up_waiting_when_the_settings_say_so(start: Start) -> None:
    one = await start("nats://127.0.0.1:9", runtime__connect_seconds_max="1")
    status, lines = await one.end()
    assert status == 1
    assert "cannot be reached" in lines[-1]["exception"]


async def test_wrong_settings_are_one_line_and_2(start: Start, nats_url: str) -> None:
    one = await start(nats_url, router__lanes="3")
    assert (await one.end())[0] == 2
    assert one.text.startswith(b"router: environment NATTER_ROUTER__LANES: unknown key 'router.lanes'")
    assert one.text.count(b"\n") == 1


async def test_a_failpoint_is_read_at_a_signal_where_tests_are_allowed(
    start: Start, nats_url: str, tmp_path: Path
) -> None:
    point = tmp_path / "failpoint"
    point.write_text("")
    one = await start(nats_url, runtime__failpoint=str(point), server__open_registration="true")
    await one.ready()
    one.process.send_signal(signal.SIGUSR2)
    one.process.send_signal(signal.SIGTERM)
    # Without a handler SIGUSR2 would have ended it.
    assert (await one.end())[0] == 0


async def test_it_is_alive_and_not_ready_while_it_waits_for_nats(start: Start, free_address: str) -> None:
    one = await start(
        "nats://127.0.0.1:1", runtime__ops_port=free_address.rpartition(":")[2], router__c2s="127.0.0.1:0"
    )
    async with asyncio.timeout(20):
        while True:
            try:
                alive = await answer_of(free_address, "/healthz")
                break
            except OSError:
                assert one.process.returncode is None
                await asyncio.sleep(0.02)
    assert b" 200 " in alive
    waiting = await answer_of(free_address, "/readyz")
    assert b" 503 " in waiting and b"not ready: bus" in waiting
    one.process.send_signal(signal.SIGTERM)
    status, _ = await one.end()
    assert status == 0


@pytest.fixture
def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def answer_of(address: str, path: str) -> bytes:
    """Head and body of an answer of the operations page."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()
