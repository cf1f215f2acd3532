"""`make chaos`: every fault under four seeds; prints a table and writes JSON to results/."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from faults import every_fault, few_faults  # noqa: E402
from holding import killed_holders  # noqa: E402
from ledger import Verdict  # noqa: E402
from outage import outage  # noqa: E402
from resuming import killed_under_load  # noqa: E402
from stack import Stack  # noqa: E402
from trial import Outcome, campaign, table  # noqa: E402


async def run(given: argparse.Namespace, seeds: list[int]) -> list[Outcome]:
    """Campaigns one after another."""
    found: list[Outcome] = []
    for seed in seeds:
        words = [word for word in given.faults.split(";") if word]
        every = few_faults() if given.short else every_fault()
        faults = [f for f in every if not words or any(w in f.name for w in words)]
        with tempfile.TemporaryDirectory(prefix="chaos") as folder:
            try:
                where, flags = Path(given.keep or folder) / str(seed), given.up.split()
                how = {"managed": not given.unmanaged, "forgets": given.forgets}
                await campaign(where, seed, faults, say=say, note=found.append, flags=flags, **how)
            except Exception as error:
                say(f"seed {seed} ended: {error!r}")
                found.append(Outcome("the harness", seed, error=repr(error)[:300]))
    return found


def side_by_side(given: argparse.Namespace, seeds: list[int]) -> list[Outcome]:
    """A process per seed, `jobs` at a time."""
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:

        def one(seed: int) -> list[Outcome]:
            out = Path(folder) / f"{seed}.json"
            command = [sys.executable, str(HERE), "--seeds", str(seed), "--out", str(out), "--faults", given.faults]
            command += ["--up", given.up]
            command += (["--short"] if given.short else []) + (["--keep", given.keep] if given.keep else [])
            command += (["--unmanaged"] if given.unmanaged else []) + ["--forgets", str(given.forgets)]
            subprocess.run(command, check=False)
            return read(out)

        with ThreadPoolExecutor(given.jobs) as pool:
            return [outcome for those in pool.map(one, seeds) for outcome in those]


def resume(sessions: int, flags: list[str]) -> int:
    """A message a second each; how many of the killed gateway's sessions are back, and what of theirs has arrived."""
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        alone = ("--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext")
        stack = Stack(Path(folder), *alone, *flags).start()
        try:
            found = asyncio.run(killed_under_load(stack, pairs=sessions // 2, rounds=15, pause_seconds=1.0))
        finally:
            stack.stop()
    say(str(found))
    return 0 if found.exact else 1


def database(seconds: float) -> int:
    """The archive and its PostgreSQL killed, the database away for so long."""
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        found = asyncio.run(outage(Path(folder), seconds=seconds, say=say))
    say(str(found))
    return 0 if found.kept else 1


def holders(occupants: int, flags: list[str]) -> int:
    """Twenty holders of a room are killed while people speak in it; what everybody heard, and its archive."""
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        alone = ("--gateways", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext")
        room = ("--set", "runtime.mucs=2", "--set", f"muc.occupants_max={max(200, occupants)}")
        stack = Stack(Path(folder), *alone, *room, "--set", "gateway.resources_max=1000", *flags).start()
        try:
            found = asyncio.run(killed_holders(stack, occupants=occupants, kills=20, per_second=10))
        finally:
            stack.stop()
    say(str(found))
    return 0 if found.exact else 1


def read(path: Path) -> list[Outcome]:
    """Outcomes from JSON."""
    found = json.loads(path.read_text()) if path.exists() else []
    for item in found:
        item.pop("kept")
    return [Outcome(**i | {"pairs": Verdict(**i["pairs"]), "room": Verdict(**i["room"])}) for i in found]


def say(text: str) -> None:
    """At once, whoever reads it."""
    print(text, flush=True)


def main() -> None:
    """Arguments, campaigns, table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3,4", help="separated by commas")
    parser.add_argument("--faults", default="", help="a fault runs if its name has one of these, separated by ;")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time")
    parser.add_argument("--short", action="store_true", help="a few faults only")
    parser.add_argument("--unmanaged", action="store_true", help="clients that do not use stream management")
    parser.add_argument("--forgets", type=float, default=0.0, help="share of reconnections that log in anew instead")
    parser.add_argument("--up", default="", help="further flags of `natter up`, as one word: --up='--profile zero'")
    parser.add_argument("--keep", default="", help="folder in which data and logs stay")
    parser.add_argument("--out", default="", help="file for the results, and no table")
    parser.add_argument("--resume", type=int, default=0, help="instead: so many sessions, and one gateway killed")
    parser.add_argument(
        "--database", type=float, default=0, help="instead: PostgreSQL killed, away for so many seconds"
    )
    parser.add_argument("--holders", type=int, default=0, help="instead: so many occupants of a room, and 20 kills")
    given = parser.parse_args()
    if given.database:
        sys.exit(database(given.database))
    if given.holders:
        sys.exit(holders(given.holders, given.up.split()))
    if given.resume:
        sys.exit(resume(given.resume, given.up.split()))
    seeds = [int(seed) for seed in given.seeds.split(",")]
    several = given.jobs > 1 and len(seeds) > 1
    outcomes = side_by_side(given, seeds) if several else asyncio.run(run(given, seeds))
    path = Path(given.out) if given.out else HERE / "results" / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(o) | {"kept": o.kept} for o in outcomes], indent=1))
    if not given.out:
        print(table(outcomes))
        print(f"written: {path}")
    sys.exit(0 if outcomes and all(o.kept for o in outcomes) else 1)


main()
