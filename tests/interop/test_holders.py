"""Whoever holds a room is killed while people speak in it, and nobody notices. The long form is in docs/chaos.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from holding import killed_holders
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_a_room_does_not_die_with_its_holder(tmp_path: Path) -> None:
    flags = ("--gateways", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext")
    stack = Stack(tmp_path / "data", *flags, "--set", "runtime.mucs=2").start()
    try:
        found = await killed_holders(stack, occupants=12, kills=2, per_second=10)
    finally:
        stack.stop()
    assert found.exact and found.archived == found.said > 0, str(found)
