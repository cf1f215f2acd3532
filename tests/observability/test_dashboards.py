"""The Grafana dashboards: whole, without overlaps, and every query of theirs is one that Prometheus or chDB runs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import programs
import pytest
from natter.storage.clickhouse import ClickHouse, Place
from natter.telemetry.names import METRICS
from natter.telemetry.prometheus import name_of

FOLDER = Path(__file__).parents[2] / "charts" / "natter" / "files" / "dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
each = pytest.mark.parametrize("name", list(DASHBOARDS))


def targets(name: str, key: str) -> list[str]:
    return [t[key] for panel in DASHBOARDS[name]["panels"] for t in panel["targets"] if key in t]


def test_there_are_six() -> None:
    assert set(DASHBOARDS) == {"overview", "gateway", "services", "jetstream", "product", "autoscaling"}


@each
def test_panels_lie_side_by_side(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    panels: list[dict[str, Any]] = DASHBOARDS[name]["panels"]
    assert len({p["id"] for p in panels}) == len(panels) == len({p["title"] for p in panels})
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    """As recording rules: promtool checks rules only."""
    exprs = [expr.replace("$__rate_interval", "1m") for name in DASHBOARDS for expr in targets(name, "expr")]
    assert len(exprs) > 60
    rules = [{"record": f"q:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run(
        [programs.debian("promtool"), "check", "rules", str(tmp_path / "rules.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_sql_runs(tmp_path: Path) -> None:
    queries = targets("product", "rawSql")
    assert len(queries) >= 6
    clickhouse = await ClickHouse.open(Place(data=tmp_path))
    try:
        for sql in queries:
            for macro, moment in (("$__fromTime", "2026-01-01 00:00:00"), ("$__toTime", "2026-01-02 00:00:00")):
                sql = sql.replace(macro, f"toDateTime('{moment}', 'UTC')")
            assert "$" not in sql
            assert await clickhouse.rows(sql) == [], sql
            # Whoever counts people hides the few.
            assert "uniqCombined64Merge" not in sql or "< 10, NULL," in sql
    finally:
        await clickhouse.close()


def test_every_metric_is_on_some_dashboard() -> None:
    shown = " ".join(expr for name in DASHBOARDS for expr in targets(name, "expr"))
    hidden = {name_of(m) for m in METRICS if not re.search(rf"\b{name_of(m)}(_bucket|_count|_sum)?\b", shown)}
    # About telemetry itself.
    assert {name for name in hidden if not name.startswith("natter_telemetry_")} == set()
