"""The short form of `make chaos`: a few faults, one seed, the promises kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faults import few_faults
from trial import campaign

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_promises_are_kept_under_a_few_faults(tmp_path: Path) -> None:
    said: list[str] = []
    outcomes = await campaign(tmp_path, 1, few_faults(), say=said.append, pairs=3)
    assert outcomes and all(outcome.kept for outcome in outcomes), "\n".join(said)
