"""Everybody's connection is lost at once, while some people talk on: how long until all are back, and who feels it.

python tests/support/storm.py --sessions 1000 --pace 100        --pace 0: logins are not paced
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster, free_port
from managed import Managed
from natter.runtime.settings import service_names
from raw import Raw, register_many

PASSWORD = "pw"
STEADY_PAIRS = 10
QUIET_SECONDS = 8.0
BACK_SHARE = 0.95


@dataclass(slots=True)
class Steady:
    """A pair that talks all the time; how long each message took, by when it was sent."""

    sender: Raw
    receiver: Raw
    sent: dict[int, float] = field(default_factory=dict)
    took: list[tuple[float, float]] = field(default_factory=list)

    async def talk(self) -> None:
        number = 0
        while True:
            self.sent[number] = time.monotonic()
            self.sender.send(f"<message to='{self.receiver.jid}' type='chat'><body>s{number};</body></message>")
            match = await self.receiver.until(rf"<body>s{number};", seconds=60)
            assert match
            self.took.append((self.sent[number], time.monotonic() - self.sent[number]))
            number += 1
            await asyncio.sleep(0.05)

    def between(self, begin: float, end: float) -> list[float]:
        return [took for at, took in self.took if begin <= at < end]


def p99(values: list[float]) -> float:
    """In milliseconds."""
    return round(sorted(values)[int(len(values) * 0.99)] * 1000, 1) if values else 0.0


async def storm(port: int, sessions: int) -> str:
    """Log in, talk, cut, wait."""
    names = [f"u{n}" for n in range(sessions)] + [f"s{n}" for n in range(2 * STEADY_PAIRS)]
    await register_many("127.0.0.1", port, None, names, PASSWORD)
    gate = asyncio.Semaphore(16)

    async def login(name: str) -> Managed:
        async with gate:
            return await Managed("127.0.0.1", port, name, PASSWORD).start()

    people = await asyncio.gather(*map(login, names[:sessions]))
    raws = [await (await Raw.open("127.0.0.1", port)).login(name, PASSWORD) for name in names[sessions:]]
    pairs = [Steady(a, b) for a, b in zip(raws[::2], raws[1::2], strict=True)]
    talking = [asyncio.create_task(pair.talk()) for pair in pairs]
    began = time.monotonic()
    await asyncio.sleep(QUIET_SECONDS)
    cut = time.monotonic()
    for person in people:
        person.cut()
    while sum(p.resumed for p in people) < BACK_SHARE * sessions and time.monotonic() - cut < 120:
        await asyncio.sleep(0.05)
    back = time.monotonic()
    before = p99([t for pair in pairs for t in pair.between(began, cut)])
    during = p99([t for pair in pairs for t in pair.between(cut, back)])
    for task in talking:
        task.cancel()
    failures = [f for p in people for f in p.failures]
    await asyncio.gather(*(p.stop() for p in people), *talking, return_exceptions=True)
    return (
        f"{sessions} sessions cut: 95 % were back after {back - cut:.1f} s; p99 of {STEADY_PAIRS} steady pairs "
        f"{before} ms before, {during} ms meanwhile; failures {failures[:3]}"
    )


def main() -> None:
    """By hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=100.0, help="logins per second and gateway; 0: as many as come")
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(
            Path(folder),
            settings={
                "telemetry__sample_ratio": "0",
                "server__allow_plaintext": "true",
                "server__open_registration": "true",
            },
        )
        try:
            cluster.start_nats()
            started = [cluster.run(service) for service in service_names() if service != "gateway"]
            for number in range(1, given.gateways + 1):
                started.append(
                    cluster.run(
                        "gateway",
                        number,
                        gateway__c2s=f"127.0.0.1:{port}",
                        gateway__lane=str(number % 4),
                        gateway__connections_per_address_max="100000",
                        gateway__logins_per_second=str(given.pace),
                    )
                )
            cluster.ready(*started)
            sys.stdout.write(f"pace {given.pace}: {asyncio.run(storm(port, given.sessions))}\n")
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
