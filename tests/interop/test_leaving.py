"""Scaling down: gateways leave at the pace that was set, their sessions go on elsewhere, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import leaving
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

SESSIONS = 60
PACE = 15.0


async def test_a_gateway_leaves_under_load(tmp_path: Path) -> None:
    cluster, port = leaving.start(tmp_path, 2, PACE, 20.0)
    try:
        report = await leaving.leave(cluster, port, sessions=SESSIONS, leaving=["gateway-1"], pause=0.1)
    finally:
        cluster.close()
    assert report.failures == []
    assert report.statuses == {"gateway-1": 0}
    # The kernel deals connections to both: some twenty or more were there.
    assert 10 <= report.moved <= SESSIONS
    assert (report.lost, report.duplicated, report.reordered) == (0, 0, 0)
    assert report.sent > SESSIONS
    # One after another, at that pace, with room for a second's edge; then it ends, long before it must.
    assert report.lost_per_second_max <= PACE * 1.6 + 2
    assert (report.moved - 1) / PACE <= report.exit_seconds < 15
