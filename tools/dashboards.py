"""Write the Grafana dashboards: six of them, PromQL over natter's own metrics, SQL over its ClickHouse.

uv run tools/dashboards.py            # rewrite charts/natter/files/dashboards/*.json
uv run tools/dashboards.py --check    # fail if one is stale; CI runs this

A panel that shows people by group leaves out groups of fewer than ten, as the query layer does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "charts" / "natter" / "files" / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${clickhouse}"}
COLUMNS = 24
HEIGHT = 8
USERS_MIN = 10


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries`: (legend, PromQL) or, with `sql`, (legend, SQL)."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 12
    help: str = ""
    sql: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def rate(metric: str, by: str = "", select: str = "") -> str:
    """Events per second, summed."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{select}}}[$__rate_interval]))".replace("{}", "")


def quantile(q: float, metric: str, by: str = "", select: str = "") -> str:
    """A quantile of a histogram in seconds."""
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', ', '.join(filter(None, ('le', by))), select)})"


def quantiles(metric: str, select: str = "") -> tuple[tuple[str, str], ...]:
    """p50, p95, p99."""
    return tuple((f"p{round(q * 100)}", quantile(q, metric, select=select)) for q in (0.5, 0.95, 0.99))


def budget(name: str, allowed: float) -> tuple[str, str]:
    """How many times too fast the budget of errors goes."""
    return (name, f"natter:{name}_errors:ratio_rate1h / {allowed}")


OVERVIEW = Dashboard(
    "overview",
    "natter / overview",
    (
        Panel("Connections", "short", (("", "sum(xmpp_connections_active)"),), "stat", 4),
        Panel("Sessions", "short", (("", "sum(natter_gateway_sessions)"),), "stat", 4),
        Panel("Stanzas in", "ops", (("", rate("xmpp_stanzas_processed_total", select='direction="in"')),), "stat", 4),
        Panel("Stanzas out", "ops", (("", rate("xmpp_stanzas_processed_total", select='direction="out"')),), "stat", 4),
        Panel("Message p99", "s", (quantiles("xmpp_stanza_latency_seconds", 'type="message"')[2],), "stat", 4),
        Panel(
            "Firing alerts",
            "short",
            (("", 'count(ALERTS{alertname=~"Natter.*",alertstate="firing"}) or vector(0)'),),
            "stat",
            4,
        ),
        Panel(
            "Burn rate over an hour",
            "none",
            (budget("connect", 0.001), budget("delivery", 0.0001), budget("latency", 0.01)),
            help="1: the month's budget lasts a month. 14.4: two days; somebody is called.",
        ),
        Panel("Latency of messages, socket to socket", "s", quantiles("xmpp_stanza_latency_seconds", 'type="message"')),
        Panel(
            "Stanzas by kind",
            "ops",
            (("{{type}} {{direction}}", rate("xmpp_stanzas_processed_total", "type, direction")),),
        ),
        Panel("What became of stanzas", "ops", (("{{outcome}}", rate("natter_router_routed_total", "outcome")),)),
    ),
)
GATEWAY = Dashboard(
    "gateway",
    "natter / gateway",
    (
        Panel("Connections by gateway", "short", (("{{instance}}", "sum by (instance) (xmpp_connections_active)"),)),
        Panel("Sessions by gateway", "short", (("{{instance}}", "sum by (instance) (natter_gateway_sessions)"),)),
        Panel("Logins by outcome", "ops", (("{{outcome}}", rate("natter_gateway_authentications_total", "outcome")),)),
        Panel(
            "Streams closed with an error",
            "ops",
            (("{{condition}}", rate("natter_gateway_stream_errors_total", "condition")),),
        ),
        Panel(
            "Resumed and taken over",
            "ops",
            (("resumed", rate("natter_gateway_resumed_total")), ("taken over", rate("natter_gateway_takenover_total"))),
        ),
        Panel("Limits reached", "ops", (("{{limit}}", rate("natter_gateway_limits_total", "limit")),)),
        Panel(
            "In outboxes",
            "bytes",
            (("{{instance}} {{state}}", "sum by (instance, state) (natter_gateway_outbox_bytes)"),),
            help="unwritten: the socket does not take it. unacknowledged: kept until the client says so (XEP-0198).",
        ),
        Panel(
            "Waited for inactive clients",
            "ops",
            (("{{end}}", "sum by (end) (rate(natter_gateway_inactive_total[5m]))"),),
            help="XEP-0352. superseded: by later presence of the same contact, and never sent.",
        ),
        Panel(
            "Deliveries handed back, repeated, dropped",
            "ops",
            (
                ("handed back", rate("natter_gateway_returned_total")),
                ("repeated", rate("natter_gateway_repeated_total")),
                ("dropped {{type}}", rate("natter_gateway_dropped_total", "type")),
            ),
        ),
    ),
)
SERVICES = Dashboard(
    "services",
    "natter / services",
    (
        Panel(
            "CPU",
            "none",
            (("{{service}} {{instance}}", rate("natter_process_cpu_seconds_total", "service, instance")),),
            help="1: a whole core, all that one process can use.",
        ),
        Panel(
            "Memory",
            "bytes",
            (("{{service}} {{instance}}", "sum by (service, instance) (natter_process_memory_bytes)"),),
        ),
        Panel(
            "Loop lag, p99",
            "s",
            (("{{service}} {{instance}}", quantile(0.99, "natter_process_loop_lag_seconds", "service, instance")),),
        ),
        Panel("Router: frames by outcome", "ops", (("{{outcome}}", rate("natter_router_routed_total", "outcome")),)),
        Panel("Presence: stanzas", "ops", (("{{type}}", rate("natter_presence_frames_total", "type")),)),
        Panel(
            "Presence: limits, ghosts, orphans",
            "ops",
            (
                ("{{limit}}", rate("natter_presence_limits_total", "limit")),
                ("ghosts", rate("natter_presence_ghosts_total")),
                ("orphans", rate("natter_presence_orphans_total")),
            ),
        ),
        Panel(
            "Rooms: events",
            "ops",
            (("{{event}}", rate("natter_muc_decided_total", "event")), ("refused", rate("natter_muc_refused_total"))),
        ),
        Panel(
            "Archive: messages",
            "ops",
            (
                ("written", rate("natter_archive_rows_total")),
                ("waiting: {{what}}", rate("natter_archive_waiting_total", "what")),
                ("forgotten", rate("natter_archive_forgotten_total")),
                ("erased", rate("natter_archive_erased_total")),
                ("batches repeated", rate("natter_archive_retries_total")),
            ),
        ),
        Panel("Archive: lag", "s", quantiles("natter_archive_lag_seconds")),
        Panel("Rooms: a turn", "s", quantiles("natter_muc_turn_seconds")),
        Panel(
            "Rooms: deliveries",
            "ops",
            (
                ("delivered", rate("natter_muc_delivered_total")),
                ("repeated", rate("natter_muc_repeated_total")),
                ("vanished", rate("natter_muc_vanished_total")),
                ("fenced", rate("natter_muc_fenced_total")),
            ),
        ),
        Panel("Rooms in memory", "short", (("shard {{shard}}", "sum by (shard) (natter_muc_rooms)"),)),
        Panel(
            "Accounts: requests",
            "ops",
            (("{{verb}} {{outcome}}", rate("natter_accounts_requests_total", "verb, outcome")),),
        ),
        Panel("Accounts: passwords waiting", "short", (("", "sum(natter_accounts_keys_waiting)"),)),
    ),
)
JETSTREAM = Dashboard(
    "jetstream",
    "natter / JetStream",
    (
        Panel(
            "Backlog of lanes and shards",
            "short",
            (("{{kind}} {{shard}}", "max by (kind, shard) (natter_bus_backlog)"),),
            help="Entries not yet worked on, as the holder counts them.",
        ),
        Panel("Held", "short", (("{{kind}} {{instance}}", "sum by (kind, instance) (natter_bus_leases)"),)),
        Panel(
            "Leases taken, given, lost",
            "ops",
            (("{{kind}} {{change}}", rate("natter_bus_lease_changes_total", "kind, change")),),
        ),
        Panel(
            "Frames per publish, p50 and p99",
            "short",
            tuple(
                (f"{{{{log}}}} p{round(q * 100)}", quantile(q, "natter_bus_batch_frames", "log")) for q in (0.5, 0.99)
            ),
        ),
        Panel("Publishes", "ops", (("{{log}}", rate("natter_bus_batch_frames_count", "log")),)),
        Panel(
            "Publishes repeated, refused as full",
            "ops",
            (("repeated", rate("natter_bus_publish_retries_total")), ("full", rate("natter_bus_publish_full_total"))),
        ),
        Panel(
            "js_consumers made anew", "ops", (("{{reason}}", rate("natter_bus_consumers_replaced_total", "reason")),)
        ),
        Panel(
            "Parked and trimmed",
            "ops",
            (
                ("parked {{stream}}", rate("natter_bus_poison_total", "stream")),
                ("trimmed {{stream}}", rate("natter_bus_trimmed_total", "stream")),
            ),
        ),
    ),
)
SINCE = "minute >= $__fromTime AND minute < $__toTime"
PRODUCT = Dashboard(
    "product",
    "natter / product",
    (
        Panel(
            "Stanzas per minute",
            "short",
            (
                (
                    "",
                    f"""
SELECT minute AS time, toString(direction) AS direction, sum(stanzas) AS stanzas
FROM stanza_minutes WHERE {SINCE} GROUP BY time, direction ORDER BY time""",
                ),
            ),
            sql=True,
        ),
        Panel(
            "Users who said something, per day",
            "short",
            (
                (
                    "",
                    f"""
SELECT toStartOfDay(minute) AS time, if(uniqCombined64Merge(12)(users) < {USERS_MIN}, NULL,
  uniqCombined64Merge(12)(users)) AS users
FROM stanza_minutes WHERE {SINCE} AND direction = 'in' GROUP BY time, key_epoch ORDER BY time""",
                ),
            ),
            sql=True,
            help=f"Estimates. Days with fewer than {USERS_MIN} are left out; days of different keys are not added.",
        ),
        Panel(
            "Latency by kind",
            "µs",
            (
                (
                    "",
                    f"""
SELECT minute AS time, toString(kind) AS kind, quantilesTDigestIfMerge(0.5, 0.95, 0.99)(latency_us)[3] AS p99
FROM stanza_minutes WHERE {SINCE} AND direction = 'out' GROUP BY time, kind ORDER BY time""",
                ),
            ),
            sql=True,
        ),
        Panel(
            "Outcomes",
            "short",
            (
                (
                    "",
                    f"""
SELECT outcome, sum(stanzas) AS stanzas, sum(bytes) AS bytes
FROM stanza_minutes WHERE {SINCE} GROUP BY outcome ORDER BY stanzas DESC LIMIT 50""",
                ),
            ),
            "table",
            sql=True,
        ),
        Panel(
            "Busiest hours",
            "short",
            (
                (
                    "",
                    f"""
SELECT toDayOfWeek(minute) AS day, toHour(minute) AS hour, sum(stanzas) AS stanzas
FROM stanza_minutes WHERE {SINCE} AND direction = 'in' GROUP BY day, hour ORDER BY stanzas DESC LIMIT 24""",
                ),
            ),
            "table",
            sql=True,
        ),
        Panel(
            "Kinds and types",
            "short",
            (
                (
                    "",
                    f"""
SELECT toString(kind) AS kind, type, toString(direction) AS direction, sum(stanzas) AS stanzas,
  if(uniqCombined64Merge(12)(users) < {USERS_MIN}, NULL, uniqCombined64Merge(12)(users)) AS users
FROM stanza_minutes WHERE {SINCE} GROUP BY kind, type, direction
ORDER BY stanzas DESC LIMIT 100""",
                ),
            ),
            "table",
            sql=True,
        ),
        Panel(
            "Rows into ClickHouse",
            "ops",
            (
                ("rows", rate("natter_analytics_rows_total")),
                ("repeated inserts", rate("natter_analytics_retries_total")),
                ("lost batches", rate("natter_analytics_lost_total")),
                ("dropped rows", rate("natter_facts_dropped_total")),
            ),
        ),
        Panel("An insert", "s", quantiles("natter_analytics_insert_seconds")),
        Panel("Batches that wait for ClickHouse", "short", (("", "sum(natter_analytics_waiting)"),)),
    ),
)
AUTOSCALING = Dashboard(
    "autoscaling",
    "natter / autoscaling",
    (
        Panel("Gateways", "short", (("", "count(natter_gateway_sessions)"),), "stat", 6),
        Panel(
            "Connections per gateway",
            "short",
            (
                ("mean", "avg(sum by (instance) (xmpp_connections_active))"),
                ("most", "max(sum by (instance) (xmpp_connections_active))"),
                ("fewest", "min(sum by (instance) (xmpp_connections_active))"),
            ),
            width=18,
        ),
        Panel(
            "CPU by service, mean of its processes",
            "none",
            (
                (
                    "{{service}}",
                    f"avg by (service) ({rate('natter_process_cpu_seconds_total', 'service, instance')})",
                ),
            ),
        ),
        Panel(
            "Logins that wait for their turn, and turns per second",
            "short",
            (("waiting", "sum(natter_gateway_logins_waiting)"), ("turns", "sum(natter_gateway_setup_pace)")),
        ),
        Panel("Logins", "ops", (("{{outcome}}", rate("natter_gateway_authentications_total", "outcome")),)),
        Panel(
            "Sessions that went on elsewhere",
            "ops",
            (("taken over", rate("natter_gateway_takenover_total")), ("resumed", rate("natter_gateway_resumed_total"))),
        ),
        Panel("Pod costs not taken by Kubernetes", "ops", (("", rate("natter_scaling_failures_total")),)),
        Panel(
            "Sent away by a drain",
            "ops",
            (("", rate("natter_gateway_stream_errors_total", select='condition="system-shutdown"')),),
        ),
    ),
)
DASHBOARDS = (OVERVIEW, GATEWAY, SERVICES, JETSTREAM, PRODUCT, AUTOSCALING)


def target(panel: Panel, number: int) -> dict[str, Any]:
    """One query."""
    legend, text = panel.queries[number]
    letter = chr(ord("A") + number)
    if not panel.sql:
        return {"refId": letter, "datasource": PROMETHEUS, "expr": text, "legendFormat": legend or "__auto",
                "instant": panel.kind == "stat", "range": panel.kind != "stat"}  # fmt: skip
    return {"refId": letter, "datasource": CLICKHOUSE, "rawSql": text.strip(), "editorType": "sql",
            "queryType": panel.kind, "format": 1 if panel.kind == "table" else 0}  # fmt: skip


def panel_of(panel: Panel, id: int, x: int, y: int) -> dict[str, Any]:
    """One panel as Grafana wants it."""
    found: dict[str, Any] = {
        "id": id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": CLICKHOUSE if panel.sql else PROMETHEUS,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT // 2 if panel.kind == "stat" else HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [target(panel, n) for n in range(len(panel.queries))],
    }
    if panel.kind == "timeseries":
        found["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return found


def placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Panels in rows from the left, as many as fit."""
    found = []
    x = y = height = 0
    for id, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        made = panel_of(panel, id, x, y)
        x, height = x + panel.width, max(height, made["gridPos"]["h"])
        found.append(made)
    return found


def source(name: str, kind: str) -> dict[str, Any]:
    """A variable by which the reader chooses a data source."""
    return {"name": name, "type": "datasource", "query": kind, "label": name, "hide": 0}


def document(dashboard: Dashboard) -> str:
    """The file."""
    sources = [source("prometheus", "prometheus")]
    if any(panel.sql for panel in dashboard.panels):
        sources.append(source("clickhouse", CLICKHOUSE["type"]))
    found = {
        "uid": f"natter-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["natter"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": sources},
        "panels": placed(dashboard.panels),
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    wanted = {TARGET / f"{d.name}.json": document(d) for d in DASHBOARDS}
    if "--check" in sys.argv:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        if stale:
            print(f"stale: {', '.join(stale)}; run: uv run tools/dashboards.py")
        return int(bool(stale))
    TARGET.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
