"""Pictures of the dashboard page in Chromium, light and dark, with much to show and with little.

python tests/support/shots.py FOLDER     writes dashboard-light.png, dashboard-dark.png, dashboard-quiet.png
"""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nativeblock import block_of
from natter.metrics.dashboard import Dashboard, Sessions
from natter.metrics.overview import Overviews
from natter.metrics.site import site
from natter.runtime.ops import HttpServer
from natter.storage.clickhouse import ClickHouse, Place
from natter.storage.stanza_events import TABLE

COLUMNS = ("time", "kind", "type", "direction", "outcome", "from_hash", "room_hash", "latency_us", "bytes")
PICTURE_SECONDS_MAX = 90
KINDS = ((1, "chat", 0.6), (1, "groupchat", 0.2), (2, "", 0.1), (3, "get", 0.1))


def now() -> datetime:
    return datetime.now(UTC)


async def fill(clickhouse: ClickHouse, *, hours: int, per_minute: int, users: int) -> None:
    """Some traffic with days and nights, the last minute included."""
    chance = random.Random(7)
    for hour in range(hours):
        rows: dict[str, list[Any]] = {
            name: [] for name in ("time", "kind", "type", "direction", "outcome", "from_hash")
        }
        rows |= {name: [] for name in ("room_hash", "latency_us", "bytes")}
        for minute in range(60):
            at = now() - timedelta(minutes=hour * 60 + minute)
            busy = 0.35 + 0.65 * max(0.0, math.sin((at.hour - 6) / 24 * 2 * math.pi))
            for _ in range(max(1, round(per_minute * busy * chance.uniform(0.8, 1.2)))):
                kind, type_, _ = chance.choices(KINDS, [k[2] for k in KINDS])[0]
                out = chance.random() < 0.6
                rows["time"].append(int(at.timestamp() * 1e6) - chance.randrange(1_000_000))
                rows["kind"].append(kind)
                rows["type"].append(type_)
                rows["direction"].append(int(out))
                rows["outcome"].append(outcome(chance, out))
                rows["from_hash"].append(1 + int(chance.paretovariate(1.1) * 7) % users)
                rows["room_hash"].append(
                    0x51AB90 * (1 + int(chance.paretovariate(1)) % 12) if type_ == "groupchat" else 0
                )
                rows["latency_us"].append(int(chance.lognormvariate(7.9, 0.5)) if out else 0)
                rows["bytes"].append(200)
        count = len(rows["time"])
        same = {
            "domain": "example.org",
            "transport": "tls",
            "to_hash": 5,
            "others": [[]] * count,
            "instance": f"h{hour}",
        }
        same |= {"trace_id": "", "key_epoch": 1, "sequence": list(range(1, count + 1))}
        await clickhouse.insert(TABLE, block_of(count, {**rows, **same}), token=f"h{hour}")


def outcome(chance: random.Random, out: bool) -> str:
    if out:
        return "delivered"
    return chance.choices(("accepted", "bounced", "dropped:blocked"), (97, 2, 1))[0]


async def picture(url: str, place: Path, *, dark: bool) -> None:
    """One picture, when everything has been drawn."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   f"--user-data-dir={profile}", "--window-size=1440,1330", f"--screenshot={place}",
                   "--virtual-time-budget=8000", *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]
                   if dark else ["--blink-settings=preferredColorScheme=1"]), url]  # fmt: skip
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PICTURE_SECONDS_MAX, check=False
        )
    if done.returncode or not place.exists():
        raise SystemExit(done.stderr[-2000:])


async def shoot(folder: Path, name: str, *, hours: int, per_minute: int, users: int, minutes: int, dark: bool) -> None:
    """Fill a ClickHouse, serve the page, take its picture."""
    with tempfile.TemporaryDirectory() as data:
        clickhouse = await ClickHouse.open(Place(data=Path(data)))
        await fill(clickhouse, hours=hours, per_minute=per_minute, users=users)

        async def told() -> dict[str, bytes]:
            return {f"gateway-{n}-0badcafe": str(users // 3 + n).encode() for n in range(3)}

        sessions = Sessions(told, now)
        for back in range(360, 0, -1):
            swing = 1 + 0.2 * math.sin(back / 40)
            at = (now() - timedelta(seconds=10 * back)).isoformat()
            sessions.samples.append({"at": at, "sessions": max(1, round(users * swing)), "gateways": 3})
        dashboard = Dashboard(lambda: clickhouse, now, sessions, "example.org", lambda: False)
        pages = site(Overviews(lambda: clickhouse, now), dashboard, domain="example.org", failing=lambda: False)
        server = HttpServer(pages, "127.0.0.1", 0)
        await server.start()
        await picture(f"http://{server.address}/?minutes={minutes}", folder / f"{name}.png", dark=dark)
        await server.stop()
        await clickhouse.close()


async def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    much = {"hours": 72, "per_minute": 40, "users": 900, "minutes": 1440}
    await shoot(folder, "dashboard-light", **much, dark=False)
    await shoot(folder, "dashboard-dark", **much, dark=True)
    await shoot(folder, "dashboard-quiet", hours=1, per_minute=1, users=1, minutes=60, dark=False)


if __name__ == "__main__":
    asyncio.run(main())
