"""The metrics service as a process: rows from a real nats-server into the embedded engine, shown over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from natter.bus.facts import FactsWriter
from natter.bus.nats import connect
from natter.storage import clickhouse

SECONDS_MAX = 30.0
CANARY = "canary-resource-5e"


def add(facts: FactsWriter, count: int) -> None:
    for i in range(count):
        facts.add(
            time_us=time.time_ns() // 1000,
            kind=1,
            type="chat",
            direction=i % 2,
            outcome=("accepted", "delivered")[i % 2],
            sender=f"user{i % 12}@localhost/{CANARY}",
            to="tea@conference.localhost",
            bytes=150,
            latency_us=800,
            transport="tls",
        )


def ask(address: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://{address}/api/stanzas", timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except (urllib.error.URLError, OSError):
        return {"stanzas": []}


async def endpoint(notice: Path) -> str:
    async with asyncio.timeout(SECONDS_MAX):
        while not notice.exists():
            await asyncio.sleep(0.05)
    return str(json.loads(notice.read_text())["endpoints"]["http"])


async def test_rows_arrive_once_and_are_shown(own_nats_server: Any, tmp_path: Path) -> None:
    nats_url = own_nats_server.url
    environment = {
        **os.environ,
        "NATTER_BUS__URL": nats_url,
        "NATTER_SERVER__DATA": str(tmp_path),
        "NATTER_RUNTIME__NOTICE": str(tmp_path / "notice"),
        "NATTER_METRICS__HTTP": "127.0.0.1:0",
        "NATTER_METRICS__INSERT_SECONDS": "0.05",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "natter.metrics", env=environment, stderr=asyncio.subprocess.PIPE
    )
    bus = await connect(nats_url, name="test")
    try:
        address = await endpoint(tmp_path / "notice")
        facts = FactsWriter(bus, f"gateway-{os.getpid()}")
        add(facts, 3000)
        await facts.close()
        async with asyncio.timeout(SECONDS_MAX):
            while sum(g["stanzas"] for g in (await asyncio.to_thread(ask, address))["stanzas"]) < 3000:
                await asyncio.sleep(0.2)
        late = FactsWriter(bus, "gateway-late")
        add(late, 10)
        await late.close()
        process.terminate()
        _, log = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, log.decode()
        assert CANARY.encode() not in log
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await bus.close()
    rows = [r for r in clickhouse.dump(tmp_path) if r["instance"] in (facts.instance, late.instance)]
    assert len(rows) == 3010 and {r["domain"] for r in rows} == {"localhost"}
    assert all(r["from_hash"] and r["room_hash"] == r["to_hash"] for r in rows)
    assert (tmp_path / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    for file in (tmp_path / "chdb").rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            assert CANARY.encode() not in text and b"user1@" not in text, file
