"""A whole natter as separate processes, for tests and benchmarks: `natter up` in a folder of its own, on loopback."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 15.0
NATTER = Path(sys.executable).parent / "natter"


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Linux: this signal when the test run dies, however it does; nothing is left behind."""
    ctypes.CDLL(None).prctl(1, number)


def wait_for(what: str, true: Callable[[], bool], *, seconds_max: float) -> None:
    """Wait until `true()`, for states of other processes, which cannot be awaited; fails after `seconds_max`."""
    end = time.monotonic() + seconds_max
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds_max} s")
        time.sleep(0.02)


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until it stands: a thread that the kernel has not yet reached goes on for milliseconds."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    wait_for(
        f"{pid} stands",
        lambda: all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir()),
        seconds_max=30,
    )


class Stack:
    """One running `natter up`."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.flags = flags
        self.seconds_to_ready = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Stack:
        """Start it and wait until `run.json` says that it serves."""
        self.data.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        # A new session of its own, so that a test's Ctrl-C does not reach it before `stop` does.
        with (self.data / "up.out").open("ab") as out:
            self.process = subprocess.Popen(
                [
                    str(NATTER),
                    "up",
                    "--data",
                    str(self.data),
                    "--c2s",
                    "127.0.0.1:0",
                    "--http",
                    "127.0.0.1:0",
                    *self.flags,
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        process = self.process
        wait_for(
            "natter up is ready",
            lambda: (self.data / "run.json").exists() or process.poll() is not None,
            seconds_max=READY_SECONDS_MAX,
        )
        if process.poll() is not None:
            raise AssertionError(f"natter up ended with {process.returncode}:\n{self.output()}")
        self.seconds_to_ready = time.monotonic() - began
        return self

    def output(self) -> str:
        """What `natter up` printed."""
        return (self.data / "up.out").read_text(errors="replace")

    def run_json(self) -> dict[str, Any]:
        """The current `run.json`."""
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    def endpoint(self, name: str) -> tuple[str, int]:
        """Host and port of an endpoint."""
        host, _, port = str(self.run_json()["endpoints"][name]).rpartition("/")[2].rpartition(":")
        return host, int(port)

    @property
    def ca(self) -> Path:
        """The certificate authority that clients must trust."""
        return self.data / "tls" / "ca.pem"

    def pids(self, service: str) -> list[int]:
        """Process ids of a service, in the order of run.json."""
        return [p["pid"] for p in self.run_json()["processes"] if p["service"] == service]

    def all_pids(self) -> list[int]:
        """Every process that serves, nats-server too, the launcher included."""
        assert self.process is not None
        return [self.process.pid] + [p["pid"] for p in self.run_json()["processes"]]

    def kill(self, service: str, which: int = 0) -> int:
        """SIGKILL one process of a service."""
        pid = self.pids(service)[which]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_replaced(self, service: str, pid: int) -> None:
        """Wait until run.json names another process in place of `pid`."""
        count = len(self.pids(service))

        def replaced() -> bool:
            now = self.pids(service)
            return pid not in now and len(now) == count

        wait_for(f"{service} {pid} is replaced", replaced, seconds_max=30.0)

    def cli(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `natter WORDS` against this instance."""
        return subprocess.run(
            [str(NATTER), *words, "--data", str(self.data)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def add_user(self, name: str, password: str) -> None:
        """`natter user add`, which must succeed."""
        done = self.cli("user", "add", name, "--password-stdin", stdin=password + "\n")
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
