"""The pages over HTTP: answers, problem documents, headers."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage

import pytest
from natter.metrics.overview import Overview, Overviews
from natter.metrics.site import site
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


@dataclass
class Site:
    address: str
    stub: Stub

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
    server = HttpServer(site(overviews, domain="example.org", failing=lambda: False), "127.0.0.1", 0)
    await server.start()
    yield Site(server.address, stub)
    await server.stop()


async def test_the_page(served: Site) -> None:
    status, headers, text = await served.get("/")
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
    served.stub.away = True
    for path, content in (("/", "text/html"), ("/api/stanzas", "application/problem+json")):
        status, headers, text = await served.get(path)
        assert status == 503 and headers["content-type"].startswith(content) and "canary" not in text
