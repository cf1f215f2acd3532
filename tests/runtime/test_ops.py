"""The operations page over real HTTP."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

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
