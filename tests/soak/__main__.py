"""`make soak`: ten minutes of steady load; the memory of every process, and whether it rises. See docs/chaos.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from load import Load  # noqa: E402
from slope import slope  # noqa: E402
from stack import Stack  # noqa: E402

# The beginning is not counted: caches fill, pools grow.
WARM_SHARE = 0.3
SAMPLE_SECONDS = 3.0

Samples = dict[str, list[tuple[float, float]]]


def memory_kib(pid: int) -> float:
    """Resident memory, without what is shared with files on disk."""
    text = Path(f"/proc/{pid}/status").read_text()
    return float(re.findall(r"RssAnon:\s+(\d+) kB", text)[0])


def processes(stack: Stack) -> dict[str, int]:
    """Pids by name: every one that serves, the launcher, and this one, which must not be what grows."""
    assert stack.process is not None
    found = {p["instance"]: p["pid"] for p in stack.run_json()["processes"]}
    return {**found, "launcher": stack.process.pid, "(the load itself)": os.getpid()}


async def soak(stack: Stack, given: argparse.Namespace) -> tuple[Samples, Load]:
    """Load and look."""
    load = Load(stack, given.people, given.guests, given.per_second)
    await load.start()
    samples: Samples = {}
    began = time.monotonic()
    while (now := time.monotonic() - began) < given.minutes * 60:
        for name, pid in processes(stack).items():
            samples.setdefault(f"{name} {pid}", []).append((now, memory_kib(pid)))
        await asyncio.sleep(SAMPLE_SECONDS)
    await load.stop()
    return samples, load


def table(samples: Samples, seconds: float) -> str:
    """One line per process."""
    lines = [f"{'process':34}{'first MiB':>10}{'warm':>8}{'last':>8}{'KiB/min':>10}{'±':>8}"]
    for name, points in samples.items():
        warm = [point for point in points if point[0] >= seconds * WARM_SHARE]
        if not warm:
            lines.append(f"{name:34}{points[0][1] / 1024:10.1f}   ended early")
            continue
        found = slope(warm)
        figures = f"{points[0][1] / 1024:10.1f}{warm[0][1] / 1024:8.1f}{points[-1][1] / 1024:8.1f}"
        lines.append(f"{name:34}{figures}{found.per_minute:10.1f}{found.uncertainty:8.1f}{'  rises' * found.rises}")
    return "\n".join(lines)


def main() -> int:
    """Run, print, write results/."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--people", type=int, default=40, help="who stay, with stream management")
    parser.add_argument("--guests", type=int, default=6, help="who come and go")
    parser.add_argument("--per-second", type=float, default=2.0, help="what each who stays does")
    parser.add_argument("--up", default="", help="flags of `natter up`")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        flags = ["--gateways", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext", *given.up.split()]
        stack = Stack(Path(folder), *flags).start()
        try:
            samples, load = asyncio.run(soak(stack, given))
        finally:
            stack.stop()
        output = stack.output()
    print(table(samples, given.minutes * 60))
    print(", ".join(f"{what} {count}" for what, count in sorted(load.done.items())))
    print("restarts:", output.count("starting it again"))
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "soak.json").write_text(json.dumps({"samples": samples, "done": load.done}))
    failed = [what for what in load.done if what.startswith("failed")]
    return 1 if failed or "starting it again" in output else 0


if __name__ == "__main__":
    sys.exit(main())
