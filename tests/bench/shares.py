"""A share of one core for a process, by a control group of its own, where the machine lets us make one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ONE = Path("/sys/fs/cgroup/cpu")
TWO = Path("/sys/fs/cgroup")
PERIOD_US = 10_000


def place() -> Path | None:
    """Where groups can be made."""
    if os.access(ONE, os.W_OK) and (ONE / "cpu.cfs_quota_us").exists():
        return ONE
    controllers = TWO / "cgroup.subtree_control"
    if os.access(TWO, os.W_OK) and controllers.exists() and "cpu" in controllers.read_text().split():
        return TWO
    return None


@contextmanager
def limited(pids: list[int], share: float) -> Iterator[None]:
    """Each of these processes has at most so much of a core. They must have ended when this does."""
    parent = place()
    assert parent is not None
    groups = []
    try:
        for pid in pids:
            group = parent / f"natter-bench-{pid}"
            group.mkdir()
            groups.append(group)
            quota = round(PERIOD_US * share)
            if parent == ONE:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for group in groups:
            group.rmdir()
