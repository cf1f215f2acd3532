"""The Prometheus rules: promtool takes them, each alert fires when it should and not before, and has its runbook."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import programs
import pytest
import yaml
from natter.telemetry.instruments import Histogram
from natter.telemetry.names import METRICS
from natter.telemetry.prometheus import name_of

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "natter" / "files"
RULES: dict[str, Any] = yaml.safe_load((FILES / "rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}

LATENCY = "xmpp_stanza_latency_seconds"
LOGINS = "natter_gateway_authentications_total"
STANZAS = 'xmpp_stanzas_processed_total{direction="in"}'
LAG = "natter_process_loop_lag_seconds_bucket"
# Per alert: series that make it fire, as promtool writes them (from + step × minutes), and when to look.
FIRES: dict[str, tuple[dict[str, str], str]] = {
    "NatterConnectBudgetBurns": (
        {f'{LOGINS}{{outcome="success"}}': "0+60x400", f'{LOGINS}{{outcome="temporary-auth-failure"}}': "0+6x400"},
        "6h",
    ),
    "NatterDeliveryBudgetBurns": (
        {STANZAS: "0+600x400", 'natter_bus_poison_total{stream="LANES"}': "0+6x400"}, "6h",
    ),
    "NatterLatencyBudgetBurns": (
        {f'{LATENCY}_count{{type="message"}}': "0+600x400",
         f'{LATENCY}_bucket{{type="message",le="0.25"}}': "0+300x400"}, "6h",
    ),
    "NatterProcessDown": ({'up{job="chat/natter-ops",instance="a"}': "1x5 0x20"}, "10m"),
    "NatterBacklogGrows": ({'natter_bus_backlog{kind="lane",shard="3"}': "0+100x30"}, "20m"),
    "NatterShardsUnheld": ({'natter_bus_leases{kind="lane",instance="a"}': "4x5 0x20"}, "10m"),
    "NatterLeasesFlap": ({'natter_bus_lease_changes_total{kind="lane",change="lost"}': "0+1x60"}, "40m"),
    "NatterStreamFull": ({"natter_bus_publish_full_total": "0+10x20"}, "10m"),
    "NatterPublishRetries": ({"natter_bus_publish_retries_total": "0+120x30"}, "20m"),
    # The very first one.
    "NatterPoison": ({'natter_bus_poison_total{stream="LANES"}': "_x5 1x20"}, "10m"),
    "NatterLoopLags": (
        {f'{LAG}{{instance="a",le="0.25"}}': "0+10x30", f'{LAG}{{instance="a",le="1"}}': "0+240x30",
         f'{LAG}{{instance="a",le="+Inf"}}': "0+240x30"}, "20m",
    ),
    "NatterOutboxesFill": ({'natter_gateway_outbox_bytes{instance="a",state="unwritten"}': "300000000x30"}, "20m"),
    "NatterAuthFailures": (
        {f'{LOGINS}{{outcome="success"}}': "0+10x60", f'{LOGINS}{{outcome="not-authorized"}}': "0+600x60"}, "40m",
    ),
    "NatterAnalyticsLost": ({"natter_analytics_lost_total": "0x5 3x30", "natter_facts_dropped_total": "0x40"}, "10m"),
    "NatterAnalyticsBehind": ({"natter_analytics_retries_total": "0+2x60"}, "40m"),
}  # fmt: skip
WELL = {
    f'{LOGINS}{{outcome="success"}}': "0+60x400",
    f'{LOGINS}{{outcome="not-authorized"}}': "0+1x400",
    STANZAS: "0+600x400",
    f'{LATENCY}_count{{type="message"}}': "0+600x400",
    f'{LATENCY}_bucket{{type="message",le="0.25"}}': "0+600x400",
    'up{job="chat/natter-ops",instance="a"}': "1x400",
    'natter_bus_backlog{kind="lane",shard="3"}': "3x400",
    'natter_bus_leases{kind="lane",instance="a"}': "4x400",
    'natter_bus_lease_changes_total{kind="lane",change="lost"}': "0x400",
    "natter_bus_publish_full_total": "0x400",
    "natter_bus_publish_retries_total": "0x400",
    f'{LAG}{{instance="a",le="0.25"}}': "0+240x400",
    f'{LAG}{{instance="a",le="+Inf"}}': "0+240x400",
    'natter_gateway_outbox_bytes{instance="a",state="unwritten"}': "1000x400",
    "natter_analytics_lost_total": "0x400",
    "natter_facts_dropped_total": "0x400",
    "natter_analytics_retries_total": "0x400",
}


def series(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": text} for name, text in values.items()]


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs.debian("promtool"), *words], capture_output=True, text=True, timeout=60, check=False
    )


def fired(tmp_path: Path, values: dict[str, str], at: str) -> dict[str, set[str]]:
    """Which alerts fire at a time, by severity: promtool says what it got where it expected nothing."""
    case = {
        "interval": "1m",
        "input_series": series(values),
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": []} for name in sorted({a["alert"] for a in ALERTS})
        ],
    }
    text = {"rule_files": [str(FILES / "rules.yaml")], "evaluation_interval": "1m", "tests": [case]}
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps(text))
    done = promtool("test", "rules", str(path))
    said = done.stdout + done.stderr
    got: dict[str, set[str]] = {}
    for name, rest in re.findall(r"alertname: (\w+), time: \S+\s*\n(.*?)(?=alertname:|\Z)", said, re.DOTALL):
        got[name] = set(re.findall(r'severity="(\w+)"', rest.partition("got:")[2]))
    # It failed, and for no other reason than alerts.
    assert done.returncode == (1 if got else 0) and "parse" not in said, said
    return got


def test_promtool_takes_them() -> None:
    done = promtool("check", "rules", str(FILES / "rules.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_fires_when_all_is_well(tmp_path: Path) -> None:
    assert fired(tmp_path, WELL, "6h") == {}


@pytest.mark.parametrize("alert", sorted({a["alert"] for a in ALERTS}))
def test_it_fires_when_it_should(tmp_path: Path, alert: str) -> None:
    values, at = FIRES[alert]
    # Nothing yet: one that fires from the start says nothing.
    assert alert not in fired(tmp_path, {k: v for k, v in WELL.items() if k not in values}, "3m")
    got = fired(tmp_path, {**WELL, **values}, at)
    wanted = {a["labels"]["severity"] for a in ALERTS if a["alert"] == alert}
    assert alert in got and got[alert] & wanted
    # Nobody is called for something else.
    assert {name for name, how in got.items() if "page" in how} <= {alert, "NatterDeliveryBudgetBurns"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: f"{a['alert']}-{a['labels'].get('window', '')}")
def test_each_has_its_runbook(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook"]
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert "\n## Look\n" in text and "\n## Do\n" in text


def test_no_runbook_without_an_alert() -> None:
    assert {p.stem for p in (ROOT / "docs" / "runbooks").glob("*.md")} == {a["alert"] for a in ALERTS}


def known() -> set[str]:
    """Every name that a PromQL expression may use."""
    found = {"up", "ALERTS"} | RECORDED
    for metric in METRICS:
        name = name_of(metric)
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if isinstance(metric, Histogram) else {name}
    return found


def used(expr: str) -> set[str]:
    """The metrics of an expression."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\{\{.*?\}\}', "", expr)
    return set(re.findall(r"\b(?:natter|xmpp)[a-zA-Z_0-9:]*|\bup\b|\bALERTS\b", bare))


def expressions() -> list[str]:
    found = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    for path in sorted((FILES / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            found += [target["expr"] for target in panel["targets"] if "expr" in target]
    return found


def test_every_metric_that_is_asked_for_exists() -> None:
    assert len(expressions()) > 80
    for expr in expressions():
        assert used(expr) and used(expr) <= known(), expr


def test_metrics_named_in_runbooks_exist() -> None:
    names = {name_of(m) for m in METRICS}
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        assert set(re.findall(r"\b(?:natter|xmpp)_[a-z_]+", page.read_text())) <= names | known(), page.name
