"""Gateways are told to leave under load: who notices, how fast people come back, whether anything is lost.

python tests/support/leaving.py --gateways 5 --stay 2 --sessions 2000 --pace 100     a large one, by hand
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cluster import Cluster, free_port
from managed import Managed
from natter.runtime.settings import service_names
from raw import register_many

PASSWORD = "pw"
BODY = re.compile(r"n(\d+)")
LOGINS_AT_ONCE = 16


@dataclass(slots=True)
class Report:
    """What was seen."""

    sessions: int
    moved: int = 0
    sent: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    failures: list[str] = field(default_factory=list)
    # Connections lost, and sessions resumed, in the busiest second; seconds from SIGTERM to the last exit; statuses.
    lost_per_second_max: int = 0
    resumed_per_second_max: int = 0
    exit_seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    # Seconds from the loss of a connection to its resumption.
    back_seconds_max: float = 0.0


def start(folder: Path, gateways: int, pace: float, drain_seconds: float) -> tuple[Cluster, int]:
    """A cluster whose gateways share one port, as behind a Service; and that port."""
    port = free_port()
    cluster = Cluster(
        folder,
        settings={
            "telemetry__sample_ratio": "0",
            "server__allow_plaintext": "true",
            "server__open_registration": "true",
            "server__rate_limits": "false",
            "runtime__drain_seconds_max": str(drain_seconds + 5),
        },
    )
    cluster.start_nats()
    names = [cluster.run(service) for service in service_names() if service != "gateway"]
    for number in range(1, gateways + 1):
        names.append(
            cluster.run(
                "gateway",
                number,
                gateway__c2s=f"127.0.0.1:{port}",
                gateway__lane=str(number % 4),
                gateway__drain_per_second=str(pace),
                gateway__drain_seconds_max=str(drain_seconds),
            )
        )
    cluster.ready(*names)
    return cluster, port


async def leave(
    cluster: Cluster, port: int, *, sessions: int, leaving: list[str], pause: float, quiet: float = 0.3
) -> Report:
    """Pairs of people talk while some gateways leave; then everything is counted."""
    names = [f"u{number}" for number in range(sessions)]
    await register_many("127.0.0.1", port, None, names, PASSWORD)
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def login(name: str) -> Managed:
        async with gate:
            return await Managed("127.0.0.1", port, name, PASSWORD).start()

    people = await asyncio.gather(*map(login, names))
    report = Report(sessions)
    stopping = asyncio.Event()
    talking = [asyncio.create_task(talk(a, b, stopping, pause)) for a, b in zip(people[::2], people[1::2], strict=True)]
    await asyncio.sleep(quiet)
    watching = asyncio.create_task(watch(people, report))
    began = time.monotonic()
    for name in leaving:
        cluster.processes[name].terminate()
    for name in leaving:
        report.statuses[name] = await asyncio.to_thread(cluster.processes.pop(name).wait, 300)
    report.exit_seconds = time.monotonic() - began
    await asyncio.sleep(quiet)
    stopping.set()
    counts = await asyncio.gather(*talking)
    for person in people[::2]:
        await person.acknowledge_all(seconds=60)
    await all_there(people[1::2], counts)
    watching.cancel()
    report.lost_per_second_max = busiest([at for person in people for at in person.lost])
    for receiver, count in zip(people[1::2], counts, strict=True):
        judge(receiver, count, report)
    report.moved = sum(p.resumed for p in people)
    report.failures = [f for p in people for f in p.failures]
    report.back_seconds_max = max((s for p in people for s in p.seconds), default=0.0)
    await asyncio.gather(*(person.stop() for person in people))
    return report


async def talk(sender: Managed, receiver: Managed, stopping: asyncio.Event, pause: float) -> int:
    """Numbered messages until told to stop; how many."""
    number = 0
    while not stopping.is_set():
        sender.send(f"<message to='{receiver.jid}' type='chat'><body>n{number}</body></message>")
        number += 1
        await asyncio.sleep(pause)
    return number


async def watch(people: list[Managed], report: Report) -> None:
    """The most resumptions in any second."""
    seen = [0] * 11
    while True:
        seen = [*seen[1:], sum(p.resumed for p in people)]
        report.resumed_per_second_max = max(report.resumed_per_second_max, seen[-1] - seen[0])
        await asyncio.sleep(0.1)


def busiest(moments: list[float]) -> int:
    """The most of them in any second."""
    ordered = sorted(moments)
    return max((bisect_left(ordered, at + 1.0) - number for number, at in enumerate(ordered)), default=0)


def numbers(receiver: Managed) -> list[int]:
    found = (BODY.fullmatch(s.findtext("{jabber:client}body", "")) for s in receiver.heard)
    return [int(match.group(1)) for match in found if match]


async def all_there(receivers: list[Managed], counts: list[int], seconds: float = 60.0) -> None:
    """Wait until everybody has as many as were sent, or no longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(len(set(numbers(r))) >= c for r, c in zip(receivers, counts, strict=True)):
            return
        await asyncio.sleep(0.1)


def judge(receiver: Managed, count: int, report: Report) -> None:
    """Lost, twice, out of order."""
    seen = Counter(numbers(receiver))
    first = list(dict.fromkeys(numbers(receiver)))
    report.sent += count
    report.lost += count - len(seen)
    report.duplicated += sum(n - 1 for n in seen.values())
    report.reordered += sum(1 for a, b in pairwise(first) if b < a)


def main() -> None:
    """By hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=5)
    parser.add_argument("--stay", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--pace", type=float, default=100.0, help="sessions closed per second, all gateways together")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two messages of a pair")
    parser.add_argument("--client-cores", default="", help="0,1: the clients have these; servers have this process's")
    given = parser.parse_args()
    gone = given.gateways - given.stay
    with tempfile.TemporaryDirectory() as folder:
        cluster, port = start(Path(folder), given.gateways, given.pace / gone, 120.0)
        if given.client_cores:
            # What they hear late was not closed late.
            os.sched_setaffinity(0, [int(core) for core in given.client_cores.split(",")])
        try:
            leaving = [f"gateway-{n}" for n in range(1, gone + 1)]
            work = leave(cluster, port, sessions=given.sessions, leaving=leaving, pause=given.pause)
            sys.stdout.write(f"{asyncio.run(work)}\n")
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
