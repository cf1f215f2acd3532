"""`make bench`: natter beside Prosody and ejabberd, in one run on this machine, as ratios.

Server CPU is user and system time of all processes of a server, nats-server included, by /proc. Rate limits are off
everywhere, and archives but for the rows that say so; natter accepts durably (js_streams on file).
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

import history
import idle
import rooms
import uvloop
from sampling import overhead
from servers import Natter, Process, archives, p99, peers
from shares import limited, place
from work import archived, latency, logins, one_to_one, register, room

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
    ("two gateways, a fifth of a core each: messages per second, times those of one", "×", ("min", 1.6)),
    ("1:1, 20 in flight, archive on: CPU per message", "µs", ("ejabberd", 0.6)),
    ("1:1, 20 in flight, archive on: messages per second", "1/s", ("ejabberd", 1.0)),
    ("archive lag at 5,000/s: p99", "s", ("", 1.0)),
    ("1:1, 20 in flight, stream management: CPU per message", "µs", ("ejabberd", 0.45)),
    ("1:1, 1,000 per second, traces at 1 %: CPU per message, times that without", "×", ("", 1.03)),
)
# What each gateway gets of a core when two are compared with one: so little that what serves them, and the load, have
# as much as they want.
GATEWAY_SHARE = 0.2


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
        many = await one_to_one(host, port, server.pids, pairs=10, in_flight=20, seconds=seconds)
        put(0, many.cpu_us)
        put(1, many.per_second)
        put(2, (await one_to_one(host, port, server.pids, pairs=10, in_flight=1, seconds=seconds)).cpu_us)
        over_tls = await one_to_one(
            host, server.tls_port, server.pids, pairs=10, in_flight=20, seconds=seconds, secure=trusting()
        )
        put(3, over_tls.cpu_us)
        managed = await one_to_one(host, port, server.pids, pairs=10, in_flight=20, seconds=seconds, managed=True)
        put(16, managed.cpu_us)
        p50, most = await latency(host, port, pairs=10, per_second=500, seconds=seconds)
        put(6, p50)
        put(7, most)
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


async def idleness(servers: list[Natter | Process]) -> dict[str, Row]:
    """What idle.py measures."""
    found = await idle.measure(servers, trusting())
    return {server: {ROWS[9][0]: plain, ROWS[10][0]: secure} for server, (plain, secure) in found.items()}


async def rate(server: Natter, seconds: float) -> float:
    """Messages per second of a server that is started for it, whose gateways have a share of a core each."""
    host, port = server.start()
    with limited(server.stack.pids("gateway"), GATEWAY_SHARE):
        try:
            await register(host, port, [f"chat{i}" for i in range(100)])
            # Many: the kernel deals connections out at random.
            return (await one_to_one(host, port, server.pids, pairs=200, in_flight=20, seconds=seconds)).per_second
        finally:
            server.stop()


async def scaling(folder: Path, seconds: float) -> Row:
    """How much more two gateways do than one, where there is CPU for both."""
    if place() is None:
        print("two gateways are not compared with one: no control groups can be made here")
        return {}
    one, two = [
        await rate(Natter(folder / f"natter-{count}", "--gateways", str(count), "--routers", "1", *SETTINGS), seconds)
        for count in (1, 2)
    ]
    return {ROWS[12][0]: two / one}


async def keeping(server: Natter | Process, seconds: float) -> Row:
    """1:1 with the archive on: CPU until everything is in it."""
    host, port = server.start()
    try:
        await register(host, port, [f"chat{i}" for i in range(100)])
        row: Row = {}
        if isinstance(server, Natter):
            before = server.lags()
            await latency(host, port, pairs=10, per_second=5000, seconds=seconds)
            row[ROWS[15][0]] = p99(before, server.lags())
            before = server.lags()
        found = await archived(host, port, server.pids, server.archived, pairs=10, in_flight=20, seconds=seconds)
        row |= {ROWS[13][0]: found.sent.cpu_us, ROWS[14][0]: found.sent.per_second}
        print(f"  {server.name}: the last row came {found.behind_seconds:.1f} s after the load", flush=True)
        if isinstance(server, Natter):
            print(f"  {server.name}: archive lag while it is as fast as it can: p99 {p99(before, server.lags())} s")
        for name, value in row.items():
            print(f"  {server.name}: {name}: {value:,.2f}", flush=True)
        return row
    finally:
        server.stop()


async def traced(folder: Path, seconds: float) -> Row:
    """What traces cost."""
    return {ROWS[17][0]: await overhead(folder, "--gateways", "1", "--routers", "1", *SETTINGS, seconds=seconds)}


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


def chosen(folder: Path, given: argparse.Namespace) -> list[Natter | Process]:
    """The servers to measure, with their data below a folder."""
    natter = Natter(folder / "natter", "--gateways", str(given.gateways), "--routers", "1", *SETTINGS)
    servers: list[Natter | Process] = [natter, *peers(folder)]
    if len(servers) < 3:
        print("not installed: Prosody, ejabberd or both (apt-get install prosody ejabberd): no ratios to them")
    return [server for server in servers if given.only in ("", server.name)]


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--seconds", type=float, default=8.0, help="how long each load lasts")
    arguments.add_argument("--gateways", type=int, default=0, help="0: as many as `natter up` starts by itself")
    arguments.add_argument("--only", default="", help="one server: natter, Prosody or ejabberd")
    arguments.add_argument("--archive", action="store_true", help="only what needs the archive on")
    arguments.add_argument("--idle", action="store_true", help="only idle sessions, all servers at once")
    arguments.add_argument("--rooms", action="store_true", help="large rooms instead, natter alone")
    arguments.add_argument("--traces", action="store_true", help="what traces cost instead, natter alone")
    arguments.add_argument("--history", type=int, default=0, help="pages of an archive of so many messages instead")
    given = arguments.parse_args()
    if given.traces:
        with tempfile.TemporaryDirectory() as folder:
            print(uvloop.run(traced(Path(folder), given.seconds)))
        return 0
    if given.history:
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(history.both(Path(folder), given.history))
        return 0
    if given.rooms:
        return uvloop.run(large_rooms(given.seconds))
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        if not (given.archive or given.idle):
            for server in chosen(Path(folder) / "busy", given):
                print(f"{server.name} …", flush=True)
                rows[server.name] = uvloop.run(measure(server, given.seconds))
        if not given.archive:
            print("idle sessions …", flush=True)
            for name, row in uvloop.run(idleness(chosen(Path(folder) / "idle", given))).items():
                rows[name] = rows.get(name, {}) | row
        if "natter" in rows and not given.idle:
            rows["natter"] |= uvloop.run(scaling(Path(folder), given.seconds))
            rows["natter"] |= uvloop.run(traced(Path(folder), given.seconds))
        for server in archives(Path(folder), "--gateways", str(given.gateways), "--routers", "1"):
            if given.only in ("", server.name) and not given.idle:
                print(f"{server.name}, archive on …", flush=True)
                rows[server.name] = rows.get(server.name, {}) | uvloop.run(keeping(server, given.seconds))
    print(table(rows))
    results = Path(__file__).parent.parent.parent / "bench" / "results"
    results.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    (results / name).write_text(json.dumps({"cores": os.cpu_count(), "servers": rows}, indent=1) + "\n")
    return 0


# Many sessions are many resources of a hundred accounts. The same hundred log in again and again: a password that is
# known again (ADR 9) would hide what a login costs.
SETTINGS = ("--set", "gateway.resources_max=1000", "--set", "gateway.verified_seconds=0")

if __name__ == "__main__":
    sys.exit(main())
