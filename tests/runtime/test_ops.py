"""The operations page over real HTTP."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from natter.runtime.ops import HttpServer, page

FAILING: list[str] = []


def broken() -> str:
    raise ValueError("secret words")


@pytest.fixture
async def served() -> AsyncIterator[str]:
    FAILING.clear()
    server = HttpServer(page(lambda: FAILING, lambda: "natter_up 1\n"), "127.0.0.1", 0)
    await server.start()
    yield f"http://{server.address}"
    await server.stop()


async def get(url: str, method: str = "GET") -> tuple[int, str, str]:
    def ask() -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], error.read().decode()

    return await asyncio.to_thread(ask)


async def test_alive_ready_and_metrics(served: str) -> None:
    assert (await get(served + "/healthz"))[0] == 200
    assert (await get(served + "/readyz"))[0] == 200
    status, kind, text = await get(served + "/metrics")
    assert (status, text) == (200, "natter_up 1\n")
    assert kind.startswith("text/plain; version=0.0.4")


async def test_not_ready_is_a_problem_document_and_still_alive(served: str) -> None:
    FAILING[:] = ["draining", "bus"]
    status, kind, text = await get(served + "/readyz")
    assert (status, kind) == (503, "application/problem+json")
    assert json.loads(text) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "not ready: draining, bus",
    }
    assert (await get(served + "/healthz"))[0] == 200


@pytest.mark.parametrize(("path", "method", "expected"), [("/no", "GET", 404), ("/metrics", "POST", 405)])
async def test_errors_are_problem_documents(served: str, path: str, method: str, expected: int) -> None:
    status, kind, text = await get(served + path, method)
    assert (status, kind, json.loads(text)["status"]) == (expected, "application/problem+json", expected)


async def test_our_own_error_says_nothing_of_its_cause() -> None:
    server = HttpServer(page(list, broken), "127.0.0.1", 0)
    await server.start()
    status, kind, text = await get(f"http://{server.address}/metrics")
    await server.stop()
    assert (status, kind) == (500, "application/problem+json")
    assert "secret" not in text


async def test_who_is_on_this_machine_may_drain() -> None:
    told: list[str] = []
    server = HttpServer(page(list, lambda: "", lambda: told.append("drain")), "127.0.0.1", 0)
    await server.start()
    assert (await get(f"http://{server.address}/drain"))[0] == 405
    assert (await get(f"http://{server.address}/drain", "POST"))[0] == 202
    assert told == ["drain"]
    await server.stop()


async def test_who_reads_metrics_from_elsewhere_may_not() -> None:
    told: list[str] = []
    app = page(list, lambda: "", lambda: told.append("drain"))
    # As if it came from another pod.
    scope = {
        "type": "http", "method": "POST", "path": "/drain", "raw_path": b"/drain", "query_string": b"", "headers": [],
        "client": ("10.1.2.3", 4711), "server": ("10.1.2.4", 9100), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)
    assert said[0]["status"] == 403 and told == []
