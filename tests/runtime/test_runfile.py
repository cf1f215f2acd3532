"""run.json and the lock of the data folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from natter.runtime import runfile
from natter.runtime.runfile import Lock, Running
from natter.runtime.settings import SettingsError


def test_the_file_says_what_runs_and_where(tmp_path: Path) -> None:
    runfile.write(tmp_path, {"c2s": "127.0.0.1:5222"}, [Running("gateway", "gateway-1", 7)])
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "endpoints": {"c2s": "127.0.0.1:5222"},
        "processes": [{"service": "gateway", "instance": "gateway-1", "pid": 7}],
    }
    assert runfile.read(tmp_path) is not None
    runfile.remove(tmp_path)
    runfile.remove(tmp_path)
    assert runfile.read(tmp_path) is None


def test_a_second_launcher_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    first.take()
    with pytest.raises(
        SettingsError, match=rf"in use by natter up, process {os.getpid()}; stop it \(kill {os.getpid()}\)"
    ):
        Lock(tmp_path).take()
    first.release()
    again = Lock(tmp_path)
    again.take()
    again.release()


def test_what_outlives_a_killed_launcher_keeps_the_folder_until_it_ends(tmp_path: Path) -> None:
    # The holder ends at once; its child, which inherited the lock, when its standard input is closed.
    program = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from natter.runtime.runfile import Lock\n"
        "lock = Lock(Path(sys.argv[1]))\n"
        "lock.take()\n"
        "subprocess.Popen([sys.executable, '-c', 'input()'], pass_fds=(lock.fd,))\n"
        "print('held')\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline() == b"held\n"
    holder.wait(10)
    lock = Lock(tmp_path)
    assert not lock._taken()
    holder.stdin.close()
    lock.take()
    lock.release()
