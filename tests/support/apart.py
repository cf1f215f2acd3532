"""A command whose processes, mounts and folder end with it, however it ends. Linux, as root.

It runs in namespaces of processes and of mounts: when its first process dies the kernel kills the others, also those
that made themselves independent, and mounts go with the last of them. Who watches from outside removes the folder and
the cgroups of its name; when even the watcher is killed, the next one does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stack import end_with_parent, wait_for

# `--kill-child`: when `unshare` dies.
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
LOCK = "lock"
CGROUPS = Path("/sys/fs/cgroup")
# After Ctrl-C, which the terminal tells the command, too: it may say how far it came.
STOP_SECONDS_MAX = 30
# Processes that were killed may still be dying.
REMOVE_SECONDS_MAX = 120


def run(command: list[str], *, prefix: str, variable: str) -> int:
    """Exit status of `command`, which finds a folder of its own in the environment's `variable`."""
    remove_left(prefix)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with _folder(prefix) as folder:
        process = subprocess.Popen(
            [*UNSHARE, *command],
            env={**os.environ, variable: str(folder)},
            # `unshare` hears nothing else.
            preexec_fn=partial(end_with_parent, signal.SIGKILL),
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS_MAX)
            return 128 + signal.SIGINT
        finally:
            process.kill()
            process.wait()


def remove_left(prefix: str) -> None:
    """Remove the folders of those whose watcher was killed. Those of others who still run stay."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}-*")):
        # Who ends just now removes it, and its lock.
        with suppress(BlockingIOError, FileNotFoundError):
            about = folder.lstat()
            # Others may write to the place, too.
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid():
                _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(f"removing {folder}, which an earlier run left", flush=True)
        _remove(folder)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    # It gets its name when it is locked: nobody takes it for one that was left.
    made = Path(tempfile.mkdtemp(prefix=f".{prefix}-"))
    with (made / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = made.rename(made.with_name(made.name.removeprefix(".")))
        try:
            yield folder
        finally:
            _remove(folder)


def _remove(folder: Path) -> None:
    def gone() -> bool:
        cgroups = [*CGROUPS.glob(folder.name), *CGROUPS.glob(f"*/{folder.name}")]
        for cgroup in cgroups:
            for path, _, _ in os.walk(cgroup, topdown=False):
                with suppress(OSError):
                    Path(path).rmdir()
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists() and not any(cgroup.exists() for cgroup in cgroups)

    began = time.monotonic()
    wait_for(f"{folder} is removed", gone, seconds_max=REMOVE_SECONDS_MAX)
    if time.monotonic() - began > 1:
        print(f"removed {folder}", flush=True)
