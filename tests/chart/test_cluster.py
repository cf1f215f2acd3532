"""A whole system as the chart runs it: under its NATS permissions, in sight of a real Prometheus with its rules."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import programs
import pytest
from cluster import DOMAIN, Cluster, free_port, whole
from natter.bus import subjects
from natter.bus.edges import EDGES
from natter.bus.nats import connect
from natter.runtime.settings import service_names
from stack import end_with_parent, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

FILES = Path(__file__).parents[2] / "charts" / "natter" / "files"
SMOKE = FILES / "smoke.py"
# What a test does on purpose.
REFUSED = f'Subject "{subjects.journal("account", "mallory")}"'


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


@pytest.fixture
def prometheus(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes every process each second, by the labels that the ServiceMonitor gives."""
    port = free_port()
    targets = [
        {"targets": [cluster.endpoint(name, "ops")], "labels": {"service": name.rpartition("-")[0], "instance": name}}
        for name in cluster.processes
        if name != "nats"
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(FILES / "rules.yaml")],
        "scrape_configs": [{"job_name": "chat/natter-ops", "static_configs": targets}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(configuration))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs.debian("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent,
        )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def asked(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers to a query; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []


def test_a_real_prometheus_sees_every_process_and_its_rules_run(cluster: Cluster, prometheus: str) -> None:
    names = {name for name in cluster.processes if name != "nats"}
    wait_for("all are up", lambda: len(asked(prometheus, "up == 1")) == len(names), seconds_max=30)
    assert {r["metric"]["instance"] for r in asked(prometheus, "up")} == names
    # What two smoke tests said, as the gateways counted it.
    wait_for(
        "messages", lambda: bool(asked(prometheus, 'xmpp_stanzas_processed_total{type="message"}')), seconds_max=30
    )
    said = asked(prometheus, 'sum(xmpp_stanzas_processed_total{type="message",direction="in"})')
    assert float(said[0]["value"][1]) >= 6
    held = asked(prometheus, "sum by (kind) (natter_bus_leases)")
    shards = {"lane": "4", "user": "8", "room": "8", "account": "1", "archive": "1"}
    assert {r["metric"]["kind"]: r["value"][1] for r in held} == shards
    # The rules are evaluated, and nothing fires.
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=5) as answer:
        groups = json.load(answer)["data"]["groups"]
    assert {g["name"] for g in groups} == {"natter-promises", "natter-burn-rates", "natter-symptoms"}
    assert [r for g in groups for r in g["rules"] if r.get("lastError")] == []
    assert asked(prometheus, 'ALERTS{alertstate="firing"}') == []


async def test_what_is_not_an_edge_is_refused(cluster: Cluster) -> None:
    bus = await connect(cluster.url, name="test", user="gateway", password="gateway-pw")
    try:
        await bus.publish(subjects.lane(0), b"")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await bus.publish(subjects.journal("account", "mallory"), b"")
    finally:
        await bus.close()
    assert REFUSED in violations(cluster.nats_log)


def test_they_leave_in_peace_and_needed_no_other_permission(cluster: Cluster) -> None:
    # What was left behind by a gateway that is killed is taken over by presence and the others, under permissions, too.
    cluster.processes["gateway-2"].kill()
    for name in ("smoke-a", "smoke-b"):
        assert cluster.cli("user", "remove", name).returncode == 0
    assert {name: code for name, code in cluster.stop().items() if name != "gateway-2"} == {
        f"{service}-1": 0 for service in service_names()
    }
    assert violations(cluster.nats_log) <= {REFUSED}
