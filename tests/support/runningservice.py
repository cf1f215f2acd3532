"""One service as a process of its own, for tests that kill it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


@dataclass(slots=True)
class Service:
    """`python -m natter.NAME` with settings from the environment; `notice` is where it says that it is ready."""

    name: str
    notice: Path
    settings: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> Service:
        """Returns when it is ready."""
        self.notice.parent.mkdir(parents=True, exist_ok=True)
        self.notice.unlink(missing_ok=True)
        environment = {**os.environ, **self.settings, "NATTER_RUNTIME__NOTICE": str(self.notice)}
        command = (sys.executable, "-m", f"natter.{self.name}")
        self.process = await asyncio.create_subprocess_exec(*command, env=environment)
        async with asyncio.timeout(START_SECONDS_MAX):
            while not self.notice.exists():
                assert self.process.returncode is None, f"{self.name} ended with {self.process.returncode}"
                await asyncio.sleep(0.05)
        return self

    def endpoint(self, name: str) -> str:
        """Where it listens, as host:port."""
        return str(json.loads(self.notice.read_text())["endpoints"][name])

    async def kill(self) -> None:
        """SIGKILL. Nothing when it has ended."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS_MAX):
            return await self.process.wait()
