"""Fake services as processes, and a launcher that runs them with a real nats-server."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from natter.runtime import plan
from natter.runtime.launcher import Launcher
from natter.runtime.plan import Flags
from natter.runtime.terminal import Terminal
from pydantic import BaseModel
from rich.console import Console

FAKE = Path(__file__).with_name("fake_service.py")


def fake_model() -> type[BaseModel]:
    """The Settings class of the fake service."""
    spec = importlib.util.spec_from_file_location("fake_service", FAKE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_service"] = module
    spec.loader.exec_module(module)
    model: type[BaseModel] = module.Settings
    return model


def fake_command(service: str) -> tuple[str, ...]:
    """How a fake service is run."""
    return (sys.executable, str(FAKE), service)


class Up:
    """A launcher that runs inside the test."""

    def __init__(self, data: Path, **flags: Any) -> None:
        self.data = data
        self.out = io.StringIO()
        flags = {"config": "", "data": str(data), "c2s": "127.0.0.1:0", "gateways": 2} | flags
        decided = plan.make(
            Flags(**flags),
            environ={},
            services=("router", "gateway"),
            models={"router": fake_model(), "gateway": fake_model()},
        )
        self.launcher = Launcher(decided, Terminal(Console(file=self.out, soft_wrap=True)), command=fake_command)
        self.task: asyncio.Task[int] | None = None

    async def start(self) -> Up:
        """Start it and wait for run.json."""
        self.task = asyncio.create_task(self.launcher.run())
        await self.until(lambda: (self.data / "run.json").exists() or self.done)
        return self

    @property
    def done(self) -> bool:
        return self.task is not None and self.task.done()

    async def until(self, true: Callable[[], bool], seconds_max: float = 30) -> None:
        """Wait for another process's doing, which cannot be awaited."""
        async with asyncio.timeout(seconds_max):
            while not true():
                await asyncio.sleep(0.01)

    def run_json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    def pids(self, service: str) -> list[int]:
        return [p["pid"] for p in self.run_json()["processes"] if p["service"] == service]

    async def stop(self) -> int:
        self.launcher.stopping.set()
        assert self.task is not None
        return await self.task


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Callable[..., Up]]:
    """Make launchers; all are stopped at the end."""
    made: list[Up] = []

    def make(**flags: Any) -> Up:
        made.append(Up(tmp_path / "data", **flags))
        return made[-1]

    yield make
    for one in made:
        if one.task is not None and not one.done:
            await one.stop()
