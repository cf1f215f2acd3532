"""`make bench`: natter beside Prosody and ejabberd, in one run on this machine, as ratios.

Server CPU is user and system time of all processes of a server, nats-server included, by /proc. Rate limits and
archives are off everywhere; natter accepts durably (js_streams on file).
What is printed is also written to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import rooms
import uvloop
from sampling import overhead
from servers import Natter, Process, peers
from work import idle_kib, latency, logins, one_to_one, register, room

Row = dict[str, float]
# name, unit, what natter must reach: (times which peer, or an absolute bound); "min" where more is better.
ROWS = (
    ("1:1, 20 in flight: CPU per message", "µs", ("ejabberd", 0.45)),
    ("1:1, 20 in flight: messages per second", "1/s", ("ejabberd", 1.3)),
    ("1:1, 1 in flight: CPU per message", "µs", ("ejabberd", 1.2)),
    ("1:1 over TLS, 20 in flight: CPU per message", "µs", None),
    ("room of 100, 10 in flight: CPU per delivery", "µs", ("ejabberd", 0.4)),
    ("joining that room: CPU per join", "ms", ("ejabberd", 1.0)),
    ("latency at 500/s: p50", "ms", ("", 1.0)),
    ("latency at 500/s: p99", "ms", ("", 3.0)),
    ("login (PLAIN): CPU", "ms", ("Prosody", 1.0)),
    ("idle session, no TLS: memory", "KiB", ("", 24.0)),
    ("idle session, TLS: memory", "KiB", ("", 45.0)),
    ("1:1, 20 in flight, 2,000 sessions: CPU per message, times that of 20", "×", ("", 1.3)),
    ("two gateways: messages per second, times those of one", "×", ("min", 1.6)),
    ("1:1, 20 in flight, traces at 1 %: CPU per message, times that without", "×", ("", 1.03)),
)
# For two gateways, what serves them, and the load.
SCALING_CORES_MIN = 4


def trusting() -> ssl.SSLContext:
    """TLS without looking at the certificate: it is not what is measured."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def measure(server: Natter | Process, seconds: float) -> Row:
    """All rows for one server."""
    host, port = server.start()
    found: Row = {}

    def put(index: int, value: float) -> None:
        name, unit, _ = ROWS[index]
        found[name] = value
        print(f"  {server.name}: {name}: {value:,.2f} {unit}", flush=True)

    try:
        await register(host, port, [f"chat{i}" for i in range(100)])
        put(9, await idle_kib(host, port, server.pids, sessions=600))
        put(10, await idle_kib(host, server.tls_port, server.pids, sessions=600, secure=trusting()))
        many = await one_to_one(host, port, server.pids, pairs=10, in_flight=20, seconds=seconds)
        put(0, many.cpu_us)
        put(1, many.per_second)
        put(2, (await one_to_one(host, port, server.pids, pairs=10, in_flight=1, seconds=seconds)).cpu_us)
        over_tls = await one_to_one(
            host, server.tls_port, server.pids, pairs=10, in_flight=20, seconds=seconds, secure=trusting()
        )
        put(3, over_tls.cpu_us)
        p50, p99 = await latency(host, port, pairs=10, per_second=500, seconds=seconds)
        put(6, p50)
        put(7, p99)
        put(8, (await logins(host, port, server.pids, count=300)).cpu_us / 1000)
        joins, spoken = await room(host, port, server.pids, occupants=100, in_flight=10, seconds=seconds)
        put(5, joins.cpu_us / 1000)
        put(4, spoken.cpu_us)
        if isinstance(server, Natter):
            # Last: the rooms' and sessions' traces are in nobody else's figures.
            crowd = await one_to_one(host, port, server.pids, pairs=1000, in_flight=20, seconds=seconds, warmup=5.0)
            put(11, crowd.cpu_us / many.cpu_us)
    finally:
        server.stop()
    return found


async def rate(server: Natter, seconds: float) -> float:
    """Messages per second of a server that is started for it."""
    host, port = server.start()
    try:
        await register(host, port, [f"chat{i}" for i in range(100)])
        return (await one_to_one(host, port, server.pids, pairs=50, in_flight=20, seconds=seconds)).per_second
    finally:
        server.stop()


async def scaling(folder: Path, seconds: float) -> Row:
    """How much more two gateways do than one, where there are cores for them."""
    if len(os.sched_getaffinity(0)) < SCALING_CORES_MIN:
        print(f"fewer than {SCALING_CORES_MIN} cores: two gateways are not compared with one")
        return {}
    one, two = [
        await rate(Natter(folder / f"natter-{count}", "--gateways", str(count), "--routers", "1", *SETTINGS), seconds)
        for count in (1, 2)
    ]
    return {ROWS[12][0]: two / one}


async def traced(folder: Path, seconds: float) -> Row:
    """What traces cost."""
    return {ROWS[13][0]: await overhead(folder, "--gateways", "1", "--routers", "1", *SETTINGS, seconds=seconds / 2)}


async def large_rooms(seconds: float) -> int:
    """What rooms.py measures."""
    with tempfile.TemporaryDirectory() as folder:
        server = Natter(Path(folder) / "natter", *SETTINGS, "--set", "muc.occupants_max=5000")
        host, port = server.start()
        try:
            await register(host, port, [f"chat{i}" for i in range(100)])
            await rooms.measure(host, port, server.pids, seconds=seconds)
        finally:
            server.stop()
    return 0


def table(rows: dict[str, Row]) -> str:
    """The table as it is printed: a column per server, natter's ratio, and what it must reach."""
    names = list(rows)
    lines = ["| work | " + " | ".join(names) + " | natter must reach | natter |", "|---" * (len(names) + 3) + "|"]
    for name, unit, target in ROWS:
        values = [f"{rows[s][name]:,.2f}" if name in rows[s] else "–" for s in names]
        goal = verdict = ""
        ours = rows.get("natter", {}).get(name)
        if target is not None and ours is not None:
            peer, bound = target
            named = peer not in ("", "min")
            theirs = rows.get(peer, {}).get(name) if named else 1.0
            goal = f"{bound:g} × {peer}" if named else f"{bound:g}"
            if theirs:
                verdict = f"{ours / theirs:.2f} ×" if named else f"{ours:.2f}"
                least = unit == "1/s" or peer == "min"
                reached = ours >= bound * theirs if least else ours <= bound * theirs
                verdict += " reached" if reached else " missed"
        lines.append(f"| {name}, {unit} | " + " | ".join(values) + f" | {goal} | {verdict} |")
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--seconds", type=float, default=8.0, help="how long each load lasts")
    arguments.add_argument("--gateways", type=int, default=0, help="0: as many as `natter up` starts by itself")
    arguments.add_argument("--only", default="", help="one server: natter, Prosody or ejabberd")
    arguments.add_argument("--rooms", action="store_true", help="large rooms instead, natter alone")
    arguments.add_argument("--traces", action="store_true", help="what traces cost instead, natter alone")
    given = arguments.parse_args()
    if given.traces:
        with tempfile.TemporaryDirectory() as folder:
            print(uvloop.run(traced(Path(folder), given.seconds)))
        return 0
    if given.rooms:
        return uvloop.run(large_rooms(given.seconds))
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        servers: list[Natter | Process] = [
            Natter(Path(folder) / "natter", "--gateways", str(given.gateways), "--routers", "1", *SETTINGS),
            *peers(Path(folder)),
        ]
        if len(servers) < 3:
            print("not installed: Prosody, ejabberd or both (apt-get install prosody ejabberd): no ratios to them")
        for server in servers:
            if given.only in ("", server.name):
                print(f"{server.name} …", flush=True)
                rows[server.name] = uvloop.run(measure(server, given.seconds))
        if "natter" in rows:
            rows["natter"] |= uvloop.run(scaling(Path(folder), given.seconds))
            rows["natter"] |= uvloop.run(traced(Path(folder), given.seconds))
    print(table(rows))
    results = Path(__file__).parent.parent.parent / "bench" / "results"
    results.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    (results / name).write_text(json.dumps({"cores": os.cpu_count(), "servers": rows}, indent=1) + "\n")
    return 0


# Idle sessions are many resources of a hundred accounts. The same hundred log in again and again: a password that is
# known again (ADR 9) would hide what a login costs.
SETTINGS = ("--set", "gateway.resources_max=1000", "--set", "gateway.verified_seconds=0")

if __name__ == "__main__":
    sys.exit(main())
