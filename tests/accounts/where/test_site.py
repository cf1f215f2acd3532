"""The administration listener: only for who shows the token."""

from __future__ import annotations

import asyncio
import json
import stat
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path

import pytest
from natter.accounts.where.desk import Desk
from natter.accounts.where.logs import Logs
from natter.accounts.where.site import TOKEN_FILE, site, token_of
from natter.runtime.ops import HttpServer

from .conftest import Logs as World

BEARER = {"authorization": "Bearer secret"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: HTTPMessage
    text: str


def fetch(address: str, path: str, headers: dict[str, str]) -> Answer:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", headers=headers)) as found:
            return Answer(found.status, found.headers, found.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read().decode())


async def get(world: World, path: str, headers: dict[str, str] = BEARER) -> Answer:
    server = HttpServer(site(Desk(Logs(world.bus), lambda: world.accepted_us + 60_000_000), "secret"), "127.0.0.1", 0)
    await server.start()
    try:
        return await asyncio.to_thread(fetch, server.address, path, headers)
    finally:
        await server.stop()


async def test_an_answer(logs: World) -> None:
    await logs.lane(logs.frame())
    answer = await get(logs, "/where/origin-1")
    assert answer.status == 200 and answer.headers["cache-control"] == "no-store"
    [message] = json.loads(answer.text)["messages"]
    assert message["found_by"] == "origin-id" and message["timeline"][0]["event"] == "accepted"
    assert "canary" not in answer.text


async def test_problems(logs: World) -> None:
    for path, status in (("/where/nope", 404), ("/where/" + "x" * 2000, 400), ("/elsewhere", 404)):
        answer = await get(logs, path)
        assert (answer.status, json.loads(answer.text)["status"]) == (status, status), path
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic c2VjcmV0"}])
async def test_nobody_else(logs: World, headers: dict[str, str]) -> None:
    await logs.lane(logs.frame())
    answer = await get(logs, "/where/origin-1", headers)
    assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer")
    assert "alice" not in answer.text


def test_the_token_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    made = token_of("", tmp_path)
    assert len(made) >= 43 and token_of("", tmp_path) == made
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]
    assert token_of("given", tmp_path) == "given"
