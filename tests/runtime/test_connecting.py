"""Waiting for NATS, and the reasons given when it does not come."""

from __future__ import annotations

import asyncio
import socket

import pytest
from natter.bus.api import Unavailable
from natter.runtime import connecting
from natter.runtime.connecting import Credentials, open_bus, reason
from natter.runtime.sections import BusSection
from pydantic import SecretStr


def to(url: str) -> Credentials:
    return Credentials(url, "", SecretStr(""))


@pytest.fixture
def nobody() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"nats://127.0.0.1:{probe.getsockname()[1]}"


async def test_it_connects(nats_url: str) -> None:
    bus = await open_bus(connecting.of_settings(BusSection(url=nats_url)), "test", seconds_max=5)
    assert bus.connected()
    await connecting.ensure_streams(bus, BusSection(), "zero", seconds_max=5)
    await bus.close()


async def test_it_gives_up_with_a_reason(nobody: str) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        await open_bus(to(nobody), "test", seconds_max=0.2)


async def test_it_says_that_it_waits(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "FIRST_LINE_SECONDS", 0.05)
    said: list[str] = []
    told = asyncio.Event()
    waiting = asyncio.create_task(
        open_bus(to(nobody), "test", seconds_max=30, say=lambda t: (said.append(t), told.set())[0])
    )
    await asyncio.wait_for(told.wait(), 5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert said[0].startswith(f"waiting: NATS at {nobody} cannot be reached")


async def test_reasons(nats_url: str, nobody: str) -> None:
    assert await reason("nonsense://x:y") == "is not an address"
    assert "cannot be reached" in await reason(nobody)
    assert "bus.user and bus.password" in await reason(nats_url)
