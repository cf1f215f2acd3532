"""A whole system runs under the NATS permissions that the chart installs, and needs no other."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import DOMAIN, Cluster, whole
from natter.bus import subjects
from natter.bus.edges import EDGES
from natter.bus.nats import connect
from natter.runtime.settings import service_names

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

SMOKE = Path(__file__).parents[2] / "charts" / "natter" / "files" / "smoke.py"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), settings={"telemetry__sample_ratio": "0"})
    made.start_nats()
    try:
        whole(made, service_names())
        yield made
    finally:
        made.close()


def violations(log: str) -> set[str]:
    """What NATS refused, without the parts that vary."""
    found = re.findall(r"(\S+) - (?:Publish|Subscription) Violation - (.*)", log)
    return {re.sub(r"natter_[0-9a-f]{16}|[0-9a-f]{16}", "…", what) for _, what in found}


def test_every_service_has_its_edges() -> None:
    assert {e.service for e in EDGES} == {*service_names(), "operator"}


def test_a_system_works_under_the_permissions_of_the_chart(cluster: Cluster) -> None:
    for name in ("smoke-a", "smoke-b"):
        done = cluster.cli("user", "add", name, "--password-stdin", stdin="secret\n")
        assert done.returncode == 0, done.stderr
    # The script of `helm test`, over both gateways in turn.
    first, second = (cluster.endpoint(f"gateway-{n}", "c2s_tls") for n in (1, 2))
    assert first != second
    for address in (first, second):
        done = subprocess.run(
            [sys.executable, str(SMOKE), address, DOMAIN],
            env={"PATH": os.environ["PATH"], "SMOKE_PASSWORD": "secret"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "room: heard by the other"
    # What was left behind by a gateway that is killed is taken over by presence and the others, under permissions, too.
    cluster.processes["gateway-2"].kill()
    for name in ("smoke-a", "smoke-b"):
        assert cluster.cli("user", "remove", name).returncode == 0
    assert {name: code for name, code in cluster.stop().items() if name != "gateway-2"} == {
        f"{service}-1": 0 for service in service_names()
    }
    assert violations(cluster.nats_log) == set()


async def test_what_is_not_an_edge_is_refused(cluster: Cluster) -> None:
    bus = await connect(cluster.url, name="test", user="gateway", password="gateway-pw")
    try:
        await bus.publish(subjects.lane(0), b"")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await bus.publish(subjects.journal("account", "mallory"), b"")
    finally:
        await bus.close()
    assert violations(cluster.nats_log) == {f'Subject "{subjects.journal("account", "mallory")}"'}
