"""Write the Prometheus rules: what is promised (SLIs and burn rates), what hurts (symptoms), where it says what to do.

uv run tools/alerts.py            # rewrite charts/natter/files/rules.yaml
uv run tools/alerts.py --check    # fail if it is stale; CI runs this
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parent.parent / "charts" / "natter" / "files" / "rules.yaml"
RUNBOOKS = "docs/runbooks"
# A budget of 30 days is gone in 2 days at 14.4, in 5 at 6, in 30 at 1: long window, short window, factor, severity.
BURNS = (("1h", "5m", 14.4, "page"), ("6h", "30m", 6.0, "page"), ("3d", "6h", 1.0, "ticket"))
WINDOWS = ("5m", "30m", "1h", "6h", "3d")
# What clients are told when the fault is ours.
OURS = "internal-server-error|resource-constraint|connection-timeout|undefined-condition"


@dataclass(frozen=True, slots=True)
class Promise:
    """A service level: the share of bad events, over a window `$w`, and the share that is allowed."""

    name: str
    alert: str
    summary: str
    bad: tuple[str, ...]
    all: str
    allowed: float


PROMISES = (
    Promise(
        "connect",
        "NatterConnectBudgetBurns",
        "Clients cannot log in, and it is not their fault.",
        (
            'sum(rate(natter_gateway_authentications_total{outcome="temporary-auth-failure"}[$w]))',
            f'sum(rate(natter_gateway_stream_errors_total{{condition=~"{OURS}"}}[$w]))',
        ),
        'sum(rate(natter_gateway_authentications_total{outcome=~"success|temporary-auth-failure"}[$w]))',
        0.001,
    ),
    Promise(
        "delivery",
        "NatterDeliveryBudgetBurns",
        "Stanzas that were accepted are lost, parked or dropped.",
        (
            "sum(rate(natter_bus_poison_total[$w]))",
            'sum(rate(natter_gateway_dropped_total{type!="presence"}[$w]))',
        ),
        'sum(rate(xmpp_stanzas_processed_total{direction="in"}[$w]))',
        0.0001,
    ),
    Promise(
        "latency",
        "NatterLatencyBudgetBurns",
        "Messages take longer than a quarter of a second.",
        (
            'sum(rate(xmpp_stanza_latency_seconds_count{type="message"}[$w]))'
            ' - sum(rate(xmpp_stanza_latency_seconds_bucket{type="message",le="0.25"}[$w]))',
        ),
        'sum(rate(xmpp_stanza_latency_seconds_count{type="message"}[$w]))',
        0.01,
    ),
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that hurts now, or soon."""

    alert: str
    severity: str
    wait: str
    summary: str
    expr: str


SYMPTOMS = (
    Symptom(
        "NatterProcessDown",
        "page",
        "2m",
        "A process does not answer Prometheus.",
        'up{job=~".*natter.*"} == 0',
    ),
    Symptom(
        "NatterBacklogGrows",
        "page",
        "5m",
        "A lane or shard is not worked off: its users wait.",
        "max by (kind, shard) (natter_bus_backlog) > 500",
    ),
    Symptom(
        "NatterShardsUnheld",
        "page",
        "1m",
        "Nobody holds any lane, or any shard of a kind: nothing of it moves.",
        "sum by (kind) (natter_bus_leases) == 0",
    ),
    Symptom(
        "NatterLeasesFlap",
        "ticket",
        "10m",
        "Lanes or shards are lost again and again: holders stand still, or NATS does.",
        'sum by (kind) (increase(natter_bus_lease_changes_total{change="lost"}[10m])) > 5',
    ),
    Symptom(
        "NatterStreamFull",
        "page",
        "1m",
        "A js_stream is full and refuses what comes: nothing new is accepted.",
        "sum(rate(natter_bus_publish_full_total[2m])) > 0",
    ),
    Symptom(
        "NatterPublishRetries",
        "ticket",
        "5m",
        "NATS does not acknowledge: publishes are repeated.",
        "sum(rate(natter_bus_publish_retries_total[5m])) > 1",
    ),
    Symptom(
        "NatterPoison",
        "ticket",
        "0m",
        "An entry could not be worked on and was parked.",
        # The first one of its kind is no increase to Prometheus: it is there at once.
        "sum by (stream) (increase(natter_bus_poison_total[15m])) > 0"
        " or sum by (stream) (natter_bus_poison_total unless natter_bus_poison_total offset 15m) > 0",
    ),
    Symptom(
        "NatterLoopLags",
        "ticket",
        "5m",
        "A process is too busy to be in time.",
        "histogram_quantile(0.99, sum by (instance, le) (rate(natter_process_loop_lag_seconds_bucket[5m]))) > 0.25",
    ),
    Symptom(
        "NatterOutboxesFill",
        "ticket",
        "5m",
        "Clients do not read what they are sent, or natter keeps too much for them.",
        "sum by (instance) (natter_gateway_outbox_bytes) > 268435456",
    ),
    Symptom(
        "NatterAuthFailures",
        "ticket",
        "10m",
        "More than half of all logins fail: an attack, or a client that was changed.",
        'sum(rate(natter_gateway_authentications_total{outcome!="success"}[10m]))'
        " > sum(rate(natter_gateway_authentications_total[10m])) / 2 > 1",
    ),
    Symptom(
        "NatterAnalyticsLost",
        "ticket",
        "0m",
        "Rows of analytics aged out before ClickHouse took them. Chat is not affected.",
        "sum(increase(natter_analytics_lost_total[15m])) + sum(increase(natter_facts_dropped_total[15m])) > 0",
    ),
    Symptom(
        "NatterAnalyticsBehind",
        "ticket",
        "15m",
        "ClickHouse does not take rows. After an hour they are lost. Chat is not affected.",
        "sum(rate(natter_analytics_retries_total[5m])) > 0",
    ),
)


def recorded(promise: Promise, window: str) -> dict[str, Any]:
    """The share of bad events over a window; nothing where nothing happened."""
    # `or vector(0)`: a counter that never counted is not there, and must not hide the others.
    bad = " + ".join(f"({term} or vector(0))" for term in promise.bad)
    expr = f"({bad}) / ({promise.all})".replace("$w", window)
    return {"record": f"natter:{promise.name}_errors:ratio_rate{window}", "expr": expr}


def burn(promise: Promise, number: int) -> dict[str, Any]:
    """An alert when both windows burn: the long one that it matters, the short one that it goes on."""
    long, short, factor, severity = BURNS[number]
    limit = f"{factor * promise.allowed:.6g}"
    name = f"natter:{promise.name}_errors:ratio_rate"
    return {
        "alert": promise.alert,
        "expr": f"{name}{long} > {limit} and {name}{short} > {limit}",
        "for": "2m" if severity == "page" else "1h",
        "labels": {"severity": severity, "window": long},
        "annotations": annotations(promise.alert, promise.summary),
    }


def symptom(one: Symptom) -> dict[str, Any]:
    """An alert."""
    return {
        "alert": one.alert,
        "expr": one.expr,
        "for": one.wait,
        "labels": {"severity": one.severity},
        "annotations": annotations(one.alert, one.summary),
    }


def annotations(alert: str, summary: str) -> dict[str, str]:
    """What the page says and where to read on."""
    return {"summary": summary, "runbook": f"{RUNBOOKS}/{alert}.md"}


def groups() -> dict[str, Any]:
    """The whole file."""
    return {
        "groups": [
            {
                "name": "natter-promises",
                "interval": "30s",
                "rules": [recorded(p, w) for p in PROMISES for w in WINDOWS],
            },
            {"name": "natter-burn-rates", "rules": [burn(p, n) for p in PROMISES for n in range(len(BURNS))]},
            {"name": "natter-symptoms", "rules": [symptom(one) for one in SYMPTOMS]},
        ]
    }


def main() -> int:
    wanted = "# Written by tools/alerts.py. Do not edit.\n" + yaml.safe_dump(groups(), sort_keys=False, width=120)
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text() != wanted
        if stale:
            print(f"stale: {TARGET.name}; run: uv run tools/alerts.py")
        return int(stale)
    TARGET.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
