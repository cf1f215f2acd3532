"""Snapshots on both backends."""

from __future__ import annotations

import pytest
from natter.bus.api import Bus
from natter.bus.snapshot import SNAPSHOT_BYTES_MAX, Snapshots


async def test_put_and_get(bus: Bus) -> None:
    snapshots = Snapshots(bus)
    assert await snapshots.get("room", "a@b") is None
    await snapshots.put("room", "a@b", 7, b"state")
    await snapshots.put("roster", "a@b", 8, b"other")
    assert await snapshots.get("room", "a@b") == (7, b"state")
    await snapshots.delete("room", "a@b")
    assert await snapshots.get("room", "a@b") is None


async def test_never_goes_back(bus: Bus) -> None:
    snapshots = Snapshots(bus)
    await snapshots.put("room", "a@b", 7, b"new")
    await snapshots.put("room", "a@b", 6, b"old")
    assert await snapshots.get("room", "a@b") == (7, b"new")
    await snapshots.put("room", "a@b", 9, b"newest")
    assert await snapshots.get("room", "a@b") == (9, b"newest")


async def test_large_ones_pass_and_too_large_ones_are_refused(bus: Bus) -> None:
    snapshots = Snapshots(bus)
    state = bytes(SNAPSHOT_BYTES_MAX)
    await snapshots.put("room", "a@b", 1, state)
    assert await snapshots.get("room", "a@b") == (1, state)
    with pytest.raises(ValueError, match="snapshot"):
        await snapshots.put("room", "a@b", 2, state + b"x")
