"""Nothing is left of a command that ran apart, however it or its watcher ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import apart
import pytest
from stack import wait_for

SECONDS_MAX = 60
# It makes itself independent, mounts, fills, has a cgroup, and says that it stands.
COMMAND = """
trap "exit 3" INT
mount -t tmpfs none "$APART_FOLDER" && touch "$APART_FOLDER/filled"
for root in /sys/fs/cgroup /sys/fs/cgroup/pids; do
    test -e $root/cgroup.procs && mkdir -p "$root/$(basename "$APART_FOLDER")/inner"
done
setsid sleep {seconds} &
touch "{stands}"
sleep {seconds}
"""
WATCHER = "import apart, sys; sys.exit(apart.run(sys.argv[2:], prefix=sys.argv[1], variable='APART_FOLDER'))"


class Apart:
    """A command that runs apart, and what can be found of it."""

    def __init__(self, stands: Path) -> None:
        self.prefix = f"natter-{uuid4().hex}"
        # As many seconds as nobody else sleeps: that is how its processes are known.
        self.seconds = str(10**9 + uuid4().int % 10**9)
        command = ["sh", "-c", COMMAND.format(seconds=self.seconds, stands=stands)]
        self.watcher = subprocess.Popen(
            [sys.executable, "-c", WATCHER, self.prefix, *command],
            env={**os.environ, "PYTHONPATH": str(Path(apart.__file__).parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A terminal tells all of a session; a shell in the background has everybody ignore it.
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        wait_for("the command stands", stands.exists, seconds_max=SECONDS_MAX)
        wait_for("both of its sleeps", lambda: len(self.pids("sleep")) == 2, seconds_max=SECONDS_MAX)

    def pids(self, program: str) -> list[int]:
        """Those whose first word is `program`, and that name its seconds."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == program.encode() and any(self.seconds.encode() in word for word in words):
                found.append(int(path.parent.name))
        return found

    def left(self) -> list[str]:
        """Folders and cgroups of it, and mounts that this process sees."""
        folders = [*Path(tempfile.gettempdir()).glob(f"*{self.prefix}*"), *apart.CGROUPS.glob(f"*{self.prefix}*")]
        folders += apart.CGROUPS.glob(f"*/{self.prefix}*")
        mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if self.prefix in line]
        return [*map(str, folders), *mounts]

    def ended(self) -> None:
        """Wait until no process of it is left."""
        self.watcher.wait(SECONDS_MAX)
        for program in ("sleep", "sh", "unshare"):
            wait_for(f"no {program}", lambda program=program: not self.pids(program), seconds_max=SECONDS_MAX)  # type: ignore[misc]


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Apart]:
    started = Apart(tmp_path / "stands")
    yield started
    started.watcher.kill()
    started.watcher.wait()
    apart.remove_left(started.prefix)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_the_watcher_is_told_to_end(standing: Apart, number: signal.Signals) -> None:
    assert standing.left()
    standing.watcher.send_signal(number)
    standing.ended()
    assert standing.watcher.returncode == 128 + number
    assert standing.left() == []


def test_nothing_is_left_after_ctrl_c(standing: Apart) -> None:
    os.killpg(standing.watcher.pid, signal.SIGINT)
    standing.ended()
    assert standing.watcher.returncode == 128 + signal.SIGINT
    assert standing.left() == []


@pytest.mark.parametrize("victim", ["sh", "unshare"])
def test_nothing_is_left_when_a_part_of_it_is_killed(standing: Apart, victim: str) -> None:
    (pid,) = standing.pids(victim)
    os.kill(pid, signal.SIGKILL)
    standing.ended()
    assert standing.watcher.returncode != 0
    assert standing.left() == []


def test_what_a_killed_watcher_leaves_goes_with_the_next(standing: Apart, capsys: pytest.CaptureFixture[str]) -> None:
    apart.remove_left(standing.prefix)
    assert standing.left() and standing.pids("sleep"), "it still runs: its folder stays"
    standing.watcher.kill()
    standing.ended()
    (folder, *_) = standing.left()
    assert capsys.readouterr().out == ""
    apart.remove_left(standing.prefix)
    assert standing.left() == []
    assert capsys.readouterr().out.startswith(f"removing {folder}, which an earlier run left")


def test_what_only_has_the_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / "some-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "some-file").touch()
    (tmp_path / "some-others").mkdir()
    os.chown(tmp_path / "some-others", 10001, 10001)
    before = sorted(tmp_path.rglob("*"))
    apart.remove_left("some")
    assert sorted(tmp_path.rglob("*")) == before
