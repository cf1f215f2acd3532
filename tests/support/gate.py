"""A bus that, while told so, does not take some subjects: as if it were full there, or away."""

from __future__ import annotations

import asyncio
from typing import Any

from natter.bus.api import BusError, Unavailable


class Gate:
    """Stands before `bus.publish`. Subjects that begin with one of `shut` fail with `error`."""

    def __init__(self, bus: Any) -> None:
        self.shut: set[str] = set()
        self.error: type[BusError] = Unavailable
        self.refused: list[str] = []
        self._publish = bus.publish
        bus.publish = self.publish

    def publish(self, subject: str, payload: bytes, **more: Any) -> asyncio.Future[int]:
        if any(subject.startswith(shut) for shut in self.shut):
            self.refused.append(subject)
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_exception(self.error(f"{subject} is shut"))
            return future
        found: asyncio.Future[int] = self._publish(subject, payload, **more)
        return found

    async def tried(self, seconds_max: float = 5.0) -> None:
        """Until somebody was refused."""
        async with asyncio.timeout(seconds_max):
            while not self.refused:
                await asyncio.sleep(0.001)
