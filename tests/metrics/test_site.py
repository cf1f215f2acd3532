"""The pages over HTTP: answers, problem documents, headers."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from typing import Any

import pytest
from natter.metrics.dashboard import Dashboard
from natter.metrics.overview import Overview, Overviews
from natter.metrics.site import PAGE_HEADERS, site
from natter.runtime.ops import HttpServer
from natter.storage.aggregates import Group, Minute
from natter.storage.clickhouse import StorageError

UNTIL = datetime(2026, 3, 4, 5, 7, tzinfo=UTC)
GROUP = Group("iq", "get", "in", "accepted", 5, 500, None, None, None, None)


class Stub:
    """Overviews without ClickHouse."""

    def __init__(self) -> None:
        self.away = False

    async def last(self, count: int) -> Overview:
        if self.away:
            raise StorageError("canary-secret in the text")
        return Overview(UNTIL - timedelta(minutes=count), UNTIL, [GROUP], [Minute(UNTIL, "in", 5)])


class StubDashboard:
    """A dashboard without ClickHouse."""

    def __init__(self) -> None:
        self.away = False

    async def document(self, minutes: int) -> dict[str, Any]:
        if self.away:
            raise StorageError("canary-secret in the text")
        return {"domain": "example.org", "minutes": minutes}


@dataclass
class Site:
    address: str
    stub: Stub
    dashboard: StubDashboard

    async def get(self, path: str) -> tuple[int, HTTPMessage, str]:
        def ask() -> tuple[int, HTTPMessage, str]:
            try:
                with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                    return answer.status, answer.headers, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.headers, error.read().decode()

        return await asyncio.to_thread(ask)


@pytest.fixture
async def served() -> AsyncIterator[Site]:
    stub = Stub()
    overviews: Overviews = stub  # type: ignore[assignment]
    charts = StubDashboard()
    dashboard: Dashboard = charts  # type: ignore[assignment]
    server = HttpServer(site(overviews, dashboard, domain="example.org", failing=lambda: False), "127.0.0.1", 0)
    await server.start()
    yield Site(server.address, stub, charts)
    await server.stop()


async def test_the_page_runs_scripts_of_its_own_origin_only(served: Site) -> None:
    status, headers, text = await served.get("/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert headers.get_all("content-security-policy") == [PAGE_HEADERS["content-security-policy"]]
    assert "script-src 'self';" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
    # Everything it names is there; nothing in it would need 'unsafe-inline' for scripts.
    named = re.findall(r'(?:src|href)="(/[^"]*)"', text)
    assert {"/web/page.css", "/web/page.js", "/web/plotly.min.js", "/tables", "/api/activity"} == set(named)
    for path in named:
        assert (await served.get(path))[0] == 200, path
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|javascript:", text)
    assert "innerHTML" not in (await served.get("/web/page.js"))[2]


@pytest.mark.parametrize("path", ["/web/x", "/web/..%2fsite.py", "/web/page.html", "/web/__init__.py"])
async def test_no_other_file_is_served(served: Site, path: str) -> None:
    assert (await served.get(path))[0] == 404


async def test_files_may_be_kept(served: Site) -> None:
    _, headers, _ = await served.get("/web/plotly.min.js")
    assert headers["cache-control"] == "public, max-age=3600" and "javascript" in headers["content-type"]
    assert (await served.get("/api/activity"))[1]["cache-control"] == "no-store"


async def test_the_charts_data(served: Site) -> None:
    status, _, text = await served.get("/api/activity?minutes=1440")
    assert status == 200 and json.loads(text)["minutes"] == 1440
    for wrong in ("0", "61", "x", "-60", "60.0"):
        status, headers, _ = await served.get(f"/api/activity?minutes={wrong}")
        assert status == 400 and headers["content-type"] == "application/problem+json"


async def test_the_tables(served: Site) -> None:
    status, headers, text = await served.get("/tables")
    assert status == 200 and headers["content-type"].startswith("text/html") and "natter · example.org" in text
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_json(served: Site) -> None:
    status, headers, text = await served.get("/api/stanzas?minutes=5")
    found = json.loads(text)
    assert status == 200 and headers["content-type"] == "application/json"
    assert found["since"] == "2026-03-04T05:02:00+00:00" and found["users_min"] == 10
    assert found["stanzas"][0]["kind"] == "iq" and found["stanzas"][0]["users"] is None
    assert found["minutes"] == [{"minute": "2026-03-04T05:07:00+00:00", "direction": "in", "stanzas": 5}]


@pytest.mark.parametrize("minutes", ["0", "-1", "x", "", "1.5", "99999999999999999999", "43201", "٣"])
async def test_wrong_minutes_are_a_problem_document(served: Site, minutes: str) -> None:
    status, headers, text = await served.get(f"/api/stanzas?minutes={urllib.request.quote(minutes)}")
    assert status == 400 and headers["content-type"] == "application/problem+json"
    assert json.loads(text)["status"] == 400 and headers["x-content-type-options"] == "nosniff"


async def test_not_there_and_not_allowed(served: Site) -> None:
    status, headers, _ = await served.get("/nothing")
    assert status == 404 and headers["content-type"] == "application/problem+json"


async def test_clickhouse_away(served: Site) -> None:
    served.stub.away = served.dashboard.away = True
    problem = "application/problem+json"
    for path, content in (("/tables", "text/html"), ("/api/stanzas", problem), ("/api/activity", problem)):
        status, headers, text = await served.get(path)
        assert status == 503 and headers["content-type"].startswith(content) and "canary" not in text
