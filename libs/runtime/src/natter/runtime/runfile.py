"""run.json: what runs and where, true from the moment the system is ready to serve until it stops."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .notice import write_atomically
from .settings import SettingsError

RUN_FILE = "run.json"
LOCK_FILE = "natter.lock"
ORPHAN_SECONDS_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Running:
    """One process that was started."""

    service: str
    instance: str
    pid: int


def write(data: Path, endpoints: Mapping[str, Any], processes: Sequence[Running]) -> None:
    """Replace the file at once."""
    rows = [{"service": p.service, "instance": p.instance, "pid": p.pid} for p in processes]
    write_atomically(data / RUN_FILE, {"endpoints": dict(endpoints), "processes": rows})


def read(data: Path) -> dict[str, Any] | None:
    """The file's content, or None where nothing is said to run."""
    try:
        found: dict[str, Any] = json.loads((data / RUN_FILE).read_text())
        return found
    except (OSError, ValueError):
        return None


def remove(data: Path) -> None:
    """Nothing runs here any more."""
    (data / RUN_FILE).unlink(missing_ok=True)


class Lock:
    """The data folder is used by one launcher at a time; the kernel lets go when the last holder ends."""

    def __init__(self, data: Path) -> None:
        self.path = data / LOCK_FILE
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        # nats-server inherits it: no second one can open the same store while the first still ends.
        os.set_inheritable(self.fd, True)

    def take(self) -> None:
        """`SettingsError` with the holder's process id when somebody has it."""
        end = time.monotonic() + ORPHAN_SECONDS_MAX
        while not self._taken():
            # A launcher that was killed: its nats-server is about to end, and then lets go.
            if self._holder_lives() or time.monotonic() > end:
                raise SettingsError(self._held_by())
            time.sleep(0.02)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let it go. The file stays: removing it would let two have it."""
        os.close(self.fd)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _holder(self) -> str:
        return os.pread(self.fd, 32, 0).decode(errors="replace").strip()

    def _holder_lives(self) -> bool:
        return self._holder().isdigit() and Path(f"/proc/{self._holder()}").exists()

    def _held_by(self) -> str:
        pid = self._holder() or "?"
        folder = self.path.parent
        return f"{folder} is in use by natter up, process {pid}; stop it (kill {pid}) or choose another --data DIR"
