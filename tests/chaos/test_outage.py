"""The short form of `make chaos ARGS="--database 120"`: the promises about archives, kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from postgres import binaries

sys.path.insert(0, str(Path(__file__).parent))
from outage import outage

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
async def test_chat_and_history_survive_the_database(tmp_path: Path) -> None:
    said: list[str] = []
    found = await outage(tmp_path, seconds=4.0, say=said.append)
    assert found.kept, (found, said)
