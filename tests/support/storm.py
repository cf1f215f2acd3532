"""Everybody's connection is lost at once, while some people talk on: how long until all are back, and who feels it.

python tests/support/storm.py --sessions 5000 --tls            --pace 0: logins are not paced
The crowd lives in processes of its own, the steady pairs in another: on `--client-cores`, or else on the servers' (the
crowd then with SCHED_IDLE: their machines are not this one).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import crowd
from cluster import Cluster, free_port
from natter.runtime.settings import service_names

STEADY_PAIRS = 10
QUIET_SECONDS = 8.0
BACK_SHARE = 0.95
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Child:
    """A process of crowd.py."""

    process: Any
    pipe: Connection


def child(work: Any, *given: Any) -> Child:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(there, *given), daemon=True)
    process.start()
    return Child(process, here)


def share(values: list[float], part: float) -> float:
    """Below it is this part of them."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def cpu(cluster: Cluster) -> dict[str, float]:
    """CPU seconds of each process so far."""
    return {
        name: sum(map(int, Path(f"/proc/{p.pid}/stat").read_text().rpartition(")")[2].split()[11:13])) / TICK
        for name, p in cluster.processes.items()
    }


def stolen() -> float:
    """Seconds that a hypervisor has kept the servers' cores to itself (proc_stat(5))."""
    cores = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    return sum(int(words[8]) for words in lines if words[0] in cores) / TICK


def storm(cluster: Cluster, place: crowd.Place, sessions: int, processes: int) -> str:
    """Log in, talk, cut, wait."""
    names = [f"u{number}" for number in range(sessions)]
    people = [child(crowd.crowd, place, names[n::processes]) for n in range(processes)]
    for one in people:
        assert one.pipe.recv() == "ready"
    talkers = child(crowd.steady, place, STEADY_PAIRS)
    assert talkers.pipe.recv() == "ready"
    talkers.pipe.send("talk")
    time.sleep(1.0)
    began, used = time.monotonic(), cpu(cluster)
    time.sleep(QUIET_SECONDS)
    quiet = {name: seconds - used[name] for name, seconds in cpu(cluster).items()}
    cut, used, kept = time.monotonic(), cpu(cluster), stolen()
    for one in people:
        one.pipe.send("cut")
    told = [one.pipe.recv() for one in people]
    lasted = (time.monotonic() - cut) / QUIET_SECONDS
    took_cpu = {name: seconds - used[name] for name, seconds in cpu(cluster).items()}
    each = {name: (took_cpu[name] - quiet[name] * lasted) / sessions * 1e6 for name in took_cpu}
    kept = stolen() - kept
    seconds = [second for found, _ in told for second in found]
    failures = [failure for _, found in told for failure in found]
    back = share(seconds + [crowd.BACK_SECONDS_MAX] * (sessions - len(seconds)), BACK_SHARE)
    talkers.pipe.send("enough")
    took = talkers.pipe.recv()
    for one in people:
        one.pipe.send("end")
    before = [t * 1000 for at, t in took if began <= at < cut]
    during = [t * 1000 for at, t in took if cut <= at < cut + back]
    figures = [f"{share(v, 0.5):.1f} / {share(v, 0.99):.1f} / {max(v, default=0.0):.0f}" for v in (before, during)]
    ratio = share(during, 0.99) / share(before, 0.99)
    longest = [max((t * 1000 for at, t in took if n <= at - cut < n + 1), default=0.0) for n in range(int(back) + 1)]
    return (
        f"{sessions} sessions cut: 95 % were back after {back:.1f} s ({len(seconds)} in all); p50 / p99 / longest of "
        f"{STEADY_PAIRS} steady pairs {figures[0]} ms before, {figures[1]} ms meanwhile: {ratio:.1f} times; "
        f"longest of each second {' '.join(f'{ms:.0f}' for ms in longest)}; "
        f"failures {failures[:3]}; CPU for each, in us, "
        f"{ {name: round(us) for name, us in each.items()} }, together {sum(each.values()):.0f}; in % of a core before "
        f"{ {name: round(100 * seconds / QUIET_SECONDS) for name, seconds in quiet.items()} }; kept from us {kept:.1f}"
    )


def main() -> None:
    """By hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--client-cores", default="", help="0,1: who connects has these; servers have this process's")
    parser.add_argument("--turns", action="store_true", help="nobody interrupts whom he wakes, as with `natter up`")
    parser.add_argument("--set", nargs="*", default=[], help="of gateways: logins_per_second=100")
    parser.add_argument("--patience", type=float, default=crowd.BACK_SECONDS_MAX, help="seconds of one attempt")
    given = parser.parse_args()
    if given.turns:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    cores = frozenset(int(core) for core in given.client_cores.split(",") if core)
    place = crowd.Place(free_port(), given.tls, cores, given.patience)
    listens = {"gateway__c2s_tls" if given.tls else "gateway__c2s": f"127.0.0.1:{place.port}"}
    chosen = {f"gateway__{name}": value for name, _, value in (word.partition("=") for word in given.set)}
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(
            Path(folder),
            settings={
                "telemetry__sample_ratio": "0",
                "server__allow_plaintext": "true",
                "server__open_registration": "true",
                "accounts__scram_iterations": "4096",
                "gateway__connections_per_address_max": "100000",
                "gateway__checkpoint_seconds": "2",
            },
        )
        try:
            cluster.start_nats()
            started = [cluster.run(service) for service in service_names() if service not in ("gateway", "metrics")]
            for number in range(1, given.gateways + 1):
                started.append(cluster.run("gateway", number, gateway__lane=str(number % 4), **listens, **chosen))
            cluster.ready(*started)
            sys.stdout.write(f"{' '.join(given.set)}: {storm(cluster, place, given.sessions, given.processes)}\n")
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
