"""Failpoints: off unless armed, and then at the place and the time that were asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from natter.bus import failpoint

PROGRAM = """
from natter.bus import failpoint
failpoint.arm("mid-batch 3")
for n in range(5):
    print(n, flush=True)
    failpoint.hit("mid-snapshot")
    failpoint.hit("mid-batch")
"""


def test_the_process_dies_at_the_count() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.split()) == (-9, ["0", "1", "2"])


def test_disarmed_it_does_nothing() -> None:
    failpoint.arm("mid-batch 1")
    failpoint.arm("")
    assert not failpoint.armed
    failpoint.hit("mid-batch")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no failpoint"):
        failpoint.arm("nowhere 1")
