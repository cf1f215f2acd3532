"""A ClickHouse server that is killed again and again: the metrics service catches up, and every row counts once.

The metrics service is a process of its own, speaks HTTP by clickhouse-connect, and is killed once itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clickhouseserver import ClickHouseServer
from natter.bus.facts import FactsWriter
from natter.bus.nats import connect
from natter.storage.clickhouse import ClickHouse, Place
from runningservice import Service

SECONDS_MAX = 60.0
# Of three kills each. More for a long run: NATTER_CLICKHOUSE_KILLS=10.
ROUNDS = int(os.environ.get("NATTER_CLICKHOUSE_KILLS", "1"))
pytestmark = pytest.mark.timeout(180 + 120 * ROUNDS)
MOMENTS = ("before", "during3", "after")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ClickHouseServer]:
    """A server, stopped at the end."""
    made = ClickHouseServer(tmp_path / "clickhouse").start()
    yield made
    made.stop()


def service(nats: str, server: ClickHouseServer, folder: Path) -> Service:
    """The metrics service."""
    settings = {
        "NATTER_BUS__URL": nats,
        "NATTER_SERVER__DATA": str(folder),
        "NATTER_METRICS__HTTP": "127.0.0.1:0",
        "NATTER_METRICS__CLICKHOUSE_URL": server.url,
        "NATTER_METRICS__INSERT_SECONDS": "0.05",
        "NATTER_METRICS__RETRY_SECONDS_MAX": "0.5",
    }
    return Service("metrics", folder / "notice", settings)


class Writing:
    """Rows without end, thirty batches a second."""

    def __init__(self, bus: Any) -> None:
        self.rows = 0
        self._facts = FactsWriter(bus, "gateway-1")
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            for i in range(40):
                self._facts.add(
                    time_us=time.time_ns() // 1000,
                    kind=1,
                    type="chat",
                    direction=i % 2,
                    outcome=("accepted", "delivered")[i % 2],
                    sender=f"user{i}@localhost",
                    to="bob@localhost",
                    bytes=150,
                    latency_us=800,
                    others=("carol@localhost",) if i == 7 else (),
                )
            # One of each forty went to two.
            self.rows += 41
            self._facts.flush()
            await asyncio.sleep(0.03)

    async def stop(self) -> None:
        """All that was written is on the bus."""
        self._task.cancel()
        await self._facts.close()


async def until(what: str, true: Any) -> None:
    """Wait for another process."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while not await true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


async def figure(metrics: Service, name: str) -> float:
    """What the metrics service says of itself."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{metrics.endpoint('ops')}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", await asyncio.to_thread(ask), re.MULTILINE)
    return sum(float(value) for value in found)


async def test_every_row_counts_once(own_nats_server: Any, server: ClickHouseServer, tmp_path: Path) -> None:
    metrics = await service(own_nats_server.url, server, tmp_path / "metrics").start()
    bus = await connect(own_nats_server.url, name="test")
    writing = Writing(bus)
    try:
        for number in range(ROUNDS * len(MOMENTS)):
            server.dies(MOMENTS[number % len(MOMENTS)], 1 + number % 3)
            await until("the server died", lambda: asyncio.sleep(0, server.dead))
            if number == 1:
                # Who is behind says so, and goes on to say so; chat knows nothing of it.
                await until("it says what waits", partial(more, metrics, 20))
                await until("it tries again", partial(more, metrics, 1, "natter_analytics_retries_total"))
            if number == 2:
                # Both at once: the one that comes next finds the claim of the one that was killed.
                await metrics.kill()
                metrics = await service(own_nats_server.url, server, tmp_path / "metrics").start()
            await asyncio.to_thread(server.start)
        await writing.stop()
        await until("nothing waits any more", partial(none_waits, metrics))
        assert await metrics.stop() == 0
    finally:
        await metrics.kill()
        await bus.close()
    clickhouse = await ClickHouse.open(Place(url=server.url))
    [found] = await clickhouse.rows(
        "SELECT count() AS rows, sum(1 + length(others)) AS stanzas, uniqExact(instance, sequence) AS different "
        "FROM stanza_events WHERE instance LIKE 'gateway-1-%'"
    )
    [minutes] = await clickhouse.rows("SELECT sum(stanzas) AS n FROM stanza_minutes WHERE domain = 'localhost'")
    [others] = await clickhouse.rows("SELECT count() AS n FROM stanza_events WHERE instance NOT LIKE 'gateway-1-%'")
    await clickhouse.close()
    assert found == {"rows": writing.rows // 41 * 40, "stanzas": writing.rows, "different": writing.rows // 41 * 40}
    assert (minutes["n"], others["n"]) == (writing.rows, 0)


async def more(metrics: Service, than: float, name: str = "natter_analytics_waiting") -> bool:
    """Whether a figure is above a number."""
    return await figure(metrics, name) > than


async def none_waits(metrics: Service) -> bool:
    """Whether everything is written."""
    return await figure(metrics, "natter_analytics_waiting") == 0
