"""Debian's PostgreSQL, one server per test run: the same suites run on it and on SQLite. What is missing is said."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS_MAX = 60
VERSIONS = Path("/usr/lib/postgresql")
# It refuses to run as root; Debian's package makes this user.
USER = "postgres"


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL; None where there is none."""
    found = sorted(VERSIONS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


BACKENDS = ["sqlite", "postgresql"] if binaries() else ["sqlite"]
MISSING = "" if binaries() else "PostgreSQL IS NOT INSTALLED: what archives keep was tested on SQLite only"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Postgres:
    """A server on loopback, with its data in a folder of its own."""

    port: int = field(default_factory=_free_port)
    folder: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None
    count: int = 0

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="natter-postgres-"))
        if self._as_user():
            shutil.chown(self.folder, USER, USER)

    @staticmethod
    def _as_user() -> dict[str, Any]:
        return {"user": USER, "group": USER, "extra_groups": ()} if os.geteuid() == 0 else {}

    def _run(self, program: str, *words: str) -> None:
        folder = binaries()
        assert folder is not None
        done = subprocess.run(
            [str(folder / program), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
            check=False,
            **self._as_user(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def make(self) -> None:
        """An empty cluster; trusts whoever comes by loopback."""
        self._run("initdb", "-D", str(self.folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off -c max_connections=60"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self, how: str = "immediate") -> None:
        """End it: `immediate` is a crash, `fast` is not."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", how, "-w", "stop")

    def send(self, number: signal.Signals) -> None:
        """Signal the server's first process."""
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), number)

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.count += 1
        name = f"natter_{self.count}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name)
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
