"""`make soak`: a warm-up, then ten minutes of steady load; the memory of every process, and whether it rises.

See docs/chaos.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from collector import collecting  # noqa: E402
from load import Load  # noqa: E402
from shots import picture  # noqa: E402
from slope import floor_slope, slope  # noqa: E402
from stack import Stack  # noqa: E402

SAMPLE_SECONDS = 3.0
# While it warms up the load is so many times as heavy: what is filled up to a bound is full sooner.
WARM_UP_PACE = 2.5
# How long lanes are kept. Deliveries are kept twice as long, and ids of publishes for two minutes: the warm-up has to
# be longer than these.
RESUME_SECONDS = 120

Samples = dict[str, list[tuple[float, float]]]


@dataclass(slots=True)
class Seen:
    """What was measured, by process, after the warm-up and during it; and how many spans came."""

    warming: Samples = field(default_factory=dict)
    steady: Samples = field(default_factory=dict)
    spans: int = 0


def memory_kib(pid: int) -> float:
    """Resident memory, without what is shared with files on disk."""
    text = Path(f"/proc/{pid}/status").read_text()
    return float(re.findall(r"RssAnon:\s+(\d+) kB", text)[0])


def processes(stack: Stack) -> dict[str, int]:
    """Pids by name: every one that serves, the launcher, and this one, which must not be what grows."""
    assert stack.process is not None
    found = {p["instance"]: p["pid"] for p in stack.run_json()["processes"]}
    return {**found, "launcher": stack.process.pid, "(the load itself)": os.getpid()}


async def watch(stack: Stack, samples: Samples, seconds: float, began: float) -> None:
    """Look for so long."""
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        for name, pid in processes(stack).items():
            samples.setdefault(f"{name} {pid}", []).append((now - began, memory_kib(pid)))
        await asyncio.sleep(SAMPLE_SECONDS)


async def soak(stack: Stack, given: argparse.Namespace) -> tuple[Seen, Load]:
    """Load and look."""
    load = Load(stack, given.people, given.guests, given.per_second, pace=WARM_UP_PACE)
    await load.start()
    seen, began = Seen(), time.monotonic()
    await watch(stack, seen.warming, given.warm_minutes * 60, began)
    load.pace = 1.0
    await watch(stack, seen.steady, given.minutes * 60, began)
    if given.shots:
        await shoot(stack, Path(given.shots))
    await load.stop()
    return seen, load


async def shoot(stack: Stack, folder: Path) -> None:
    """The page as it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    host, port = stack.endpoint("http")
    for name, dark in (("soak-light", False), ("soak-dark", True)):
        await picture(f"http://{host}:{port}/?minutes=60", folder / f"{name}.png", dark=dark)


def table(seen: Seen) -> str:
    """One line per process."""
    heads = ("first MiB", "warm", "last", "KiB/min", "±", "floor KiB/min", "±")
    lines = [f"{'process':28}" + "".join(f"{head:>{max(8, len(head) + 2)}}" for head in heads)]
    for name, warming in seen.warming.items():
        points = seen.steady.get(name)
        if not points:
            lines.append(f"{name:28}{warming[0][1] / 1024:11.1f}   ended early")
            continue
        mean, floor = slope(points), floor_slope(points)
        sizes = f"{warming[0][1] / 1024:11.1f}{points[0][1] / 1024:8.1f}{points[-1][1] / 1024:8.1f}"
        slopes = f"{mean.per_minute:9.1f}{mean.uncertainty:8.1f}{floor.per_minute:15.1f}{floor.uncertainty:8.1f}"
        lines.append(f"{name:28}{sizes}{slopes}{'  rises' * floor.rises}")
    return "\n".join(lines)


def said(given: argparse.Namespace, load: Load, seen: Seen, restarts: int) -> str:
    """What was done, in words."""
    done = ", ".join(f"{what} {count}" for what, count in sorted(load.done.items()))
    return "\n".join(
        (
            f"warm-up {given.warm_minutes:g} minutes at {WARM_UP_PACE} times the load, then measured for "
            f"{given.minutes:g} minutes; kept: lanes {RESUME_SECONDS} s, deliveries {2 * RESUME_SECONDS} s, ids 120 s",
            f"{given.people} people, {given.per_second:g} acts a second each; {given.guests} guests: {done}",
            f"spans exported: {seen.spans}; restarts: {restarts}",
        )
    )


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it is measured")
    parser.add_argument("--warm-minutes", type=float, default=6.0, help="before that, at a heavier load")
    parser.add_argument("--people", type=int, default=40, help="who stay, with stream management")
    parser.add_argument("--guests", type=int, default=6, help="who come and go")
    parser.add_argument("--per-second", type=float, default=2.0, help="what each who stays does")
    parser.add_argument("--shots", default="", help="folder for pictures of the metrics page at the end")
    parser.add_argument("--up", default="", help="flags of `natter up`")
    return parser.parse_args()


def main() -> int:
    """Run, print, write results/."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="soak") as folder, collecting() as collector:
        flags = ["--gateways", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext"]
        flags += ["--set", f"bus.resume_seconds={RESUME_SECONDS}", "--set", f"telemetry.otlp_endpoint={collector.url}"]
        stack = Stack(Path(folder), *flags, *given.up.split()).start()
        try:
            # Only how many: the spans themselves would be this process's growth.
            collector.kept_max = 0
            seen, load = asyncio.run(soak(stack, given))
        finally:
            stack.stop()
        output, seen.spans = stack.output(), collector.count
    restarts = output.count("starting it again")
    print(table(seen))
    print(said(given, load, seen, restarts))
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    document = {"warming": seen.warming, "steady": seen.steady, "done": load.done}
    (results / "soak.json").write_text(json.dumps(document))
    return 1 if restarts or any(what.startswith("failed") for what in load.done) else 0


if __name__ == "__main__":
    sys.exit(main())
