"""Logins in turns: when everybody comes back at once, those who are here must not feel it.

A login costs milliseconds of a gateway and writes to the bus; a message costs microseconds. So logins wait, and nothing
else does. The pace is this gateway's own, and its share of what all gateways together may do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from natter.telemetry.names import LIMITS_HIT, LOGINS_WAITING

# Less is no wait.
WAIT_SECONDS_MIN = 0.001
FREE_SECONDS = 0.1


@dataclass(slots=True)
class Admission:
    """`per_second` of this gateway, `fleet_per_second` of all; 0: no such bound. FREE_SECONDS' worth comes at once."""

    per_second: float
    fleet_per_second: float
    # The longest wait that is worth it: who would have to wait longer is told to come again.
    wait_seconds_max: float
    # How many gateways share the fleet's pace.
    gateways: Callable[[], int]
    now: Callable[[], float]
    # When the next turn would be if nobody had ever waited less than his time.
    _next: float = float("-inf")
    _waiting: int = 0

    def pace(self) -> float:
        """Logins per second, now."""
        shares = [self.per_second, self.fleet_per_second / max(1, self.gateways())]
        return min((share for share in shares if share > 0), default=float("inf"))

    async def turn(self) -> bool:
        """Wait for a turn. False: too many wait already."""
        pace = self.pace()
        if pace == float("inf"):
            return True
        now = self.now()
        # Who comes after a quiet moment finds all of that moment's turns free.
        due = max(self._next, now - max(FREE_SECONDS, 1.0 / pace)) + 1.0 / pace
        wait = due - now
        if wait > self.wait_seconds_max:
            LIMITS_HIT.add("logins")
            return False
        self._next = due
        if wait > WAIT_SECONDS_MIN:
            await self._wait(wait)
        return True

    async def _wait(self, seconds: float) -> None:
        self._waiting += 1
        LOGINS_WAITING.set(self._waiting)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1
            LOGINS_WAITING.set(self._waiting)
