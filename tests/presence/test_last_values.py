"""Last values: order, coalescing, repetition, fencing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from natter.bus.api import PublishUnknown, WrongRevision
from natter.presence import last_values as module
from natter.presence.last_values import LastValues


@dataclass
class Log:
    """A log of last values that can be slow or fail."""

    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    writes: list[tuple[str, bytes, int | None]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    sequence: int = 0

    async def write(self, key: str, payload: bytes, revision: int | None) -> int:
        await self.open.wait()
        self.writes.append((key, payload, revision))
        if self.failures:
            raise self.failures.pop(0)
        if revision is not None and revision != self.values.get(key, (0, b""))[0]:
            raise WrongRevision
        self.sequence += 1
        self.values[key] = (self.sequence, payload)
        return self.sequence

    async def revision(self, key: str) -> int:
        return self.values.get(key, (0, b""))[0]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(module, "BACKOFF_SECONDS_MIN", 0.0001)
    monkeypatch.setattr(module, "BACKOFF_SECONDS_MAX", 0.001)
    return Log()


async def test_the_newest_wins_and_all_are_told(log: Log) -> None:
    values = LastValues(log.write, log.revision)
    stored: list[int] = []
    for number in range(4):
        values.put("a", str(number).encode(), lambda number=number: stored.append(number))  # type: ignore[misc]
    values.put("b", b"x", lambda: stored.append(9))
    log.open.set()
    await values.drain()
    assert sorted(stored) == [0, 1, 2, 3, 9]
    assert [payload for key, payload, _ in log.writes if key == "a"] == [b"0", b"3"]
    assert log.values["a"][1] == b"3"
    assert values.waiting == 0


async def test_unknown_is_written_again(log: Log) -> None:
    log.open.set()
    log.failures = [PublishUnknown(), PublishUnknown()]
    values = LastValues(log.write, log.revision)
    stored: list[int] = []
    values.put("a", b"1", lambda: stored.append(1))
    await values.drain()
    assert stored == [1] and len(log.writes) == 3


async def test_writes_name_the_revision_they_follow(log: Log) -> None:
    log.open.set()
    values = LastValues(log.write, log.revision, {"a": 0})
    for payload in (b"1", b"2", b"", b"3"):
        values.put("a", payload, lambda: None)
        await values.drain()
    assert [revision for _, _, revision in log.writes] == [0, 1, 2, None]


async def test_a_late_write_of_an_old_holder_is_written_over(log: Log) -> None:
    log.open.set()
    values = LastValues(log.write, log.revision, {"a": 0})
    log.values["a"] = (50, b"old holder")
    log.sequence = 50
    values.put("a", b"ours", lambda: None)
    await values.drain()
    assert log.values["a"] == (51, b"ours")


async def test_a_closed_one_writes_no_more(log: Log) -> None:
    values = LastValues(log.write, log.revision)
    stored: list[int] = []
    values.put("a", b"1", lambda: stored.append(1))
    await asyncio.sleep(0)
    await values.close()
    values.put("a", b"2", lambda: stored.append(2))
    log.open.set()
    await asyncio.sleep(0)
    assert stored == [] and log.values == {}
