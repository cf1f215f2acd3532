"""Rows on the bus and a ClickHouse that fails when told to, for tests of what reads the one and writes the other."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from nativeblock import columns_of
from natter.bus import facts
from natter.bus.api import Bus
from natter.metrics.ingest import Ingest
from natter.storage.clickhouse import ClickHouse, StorageError
from natter.storage.native import Block
from natter.storage.stanza_events import Naming
from natter.telemetry.identifiers import Key

CANARY = "canary-3b7d"
PSEUDONYMS = Key(b"k" * 32)
NAMING = Naming(PSEUDONYMS.number, 1, "example.org", "@conference.example.org")


class Table:
    """ClickHouse as far as it matters here: knows tokens, and fails or dies when told to."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, list[Any]]] = {}
        self.calls = 0
        self.failures_before: int = 0
        self.failures_after: int = 0

    async def insert(self, table: str, block: Block, *, token: str) -> None:
        self.calls += 1
        if self.failures_before:
            self.failures_before -= 1
            raise StorageError("away")
        self.tokens.setdefault(token, columns_of(block.payload))
        if self.failures_after:
            self.failures_after -= 1
            raise StorageError("the answer was lost")

    @property
    def sequences(self) -> list[int]:
        return sorted(s for columns in self.tokens.values() for s in columns["sequence"])


def row(at_us: int | None = None) -> facts.Row:
    sender, to = f"alice@example.org/{CANARY}", "bob@example.org"
    return (at_us or time.time_ns() // 1000, 1, "chat", 0, "accepted", "tls", sender, to, 120, 900, "")


async def say(bus: Bus, first: int, count: int, instance: str = "g-1") -> None:
    await bus.publish(f"natter.facts.{instance}", facts.encode([row()] * count, instance, first), msg_id=f"{first}")


def ingest_of(bus: Bus, table: Any, *, rows_max: int = 1000) -> Ingest:
    async def opened() -> ClickHouse:
        return table  # type: ignore[no-any-return]

    return Ingest(bus, opened, NAMING, rows_max=rows_max, insert_seconds=0.005, retry_seconds_max=0.01)


async def run_out(ingest: Ingest) -> None:
    """Start it and tell it to stop: it writes what is there."""
    work = asyncio.create_task(ingest.run())
    async with asyncio.timeout(30):
        while ingest.clickhouse is None:
            await asyncio.sleep(0.001)
        ingest.stop()
        await work
