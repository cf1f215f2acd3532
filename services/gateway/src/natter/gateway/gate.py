"""Setting up connections in portions: as many as leave the event loop punctual. Who is connected already does not wait.

To accept a connection and shake hands over TLS takes about a millisecond of the loop, to log in another. When
thousands come at once, these are seconds in which nobody hears anything. So each such piece of work waits for a turn.
How many turns there are is found out: a few more with every tick that comes in time, a tenth less with every one that
is late, whoever made it so – this process, or others on its cores.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from natter.telemetry.names import SETUP_PACE

TICK_SECONDS: Final = 0.002
# Turns per second: at first, at least (somebody must get in), at most.
PACE_START: Final = 200.0
PACE_MIN: Final = 100.0
PACE_MAX: Final = 5000.0
# What a tick in time adds, and what one that was late leaves.
FASTER: Final = 1.0
SLOWER: Final = 0.9
# Turns that may be taken at once after a while without any.
SAVED_MAX: Final = 4.0
# What is made while people come in stays: the collector looks at it in small portions, too (20,000 objects are 20 ms),
# and at everything there is (2,500 sessions are 100 ms) after millions only.
RUSH_OBJECTS: Final = (1000, 4, 1000)


@dataclass(slots=True)
class Gate:
    """`lag_seconds_max`: how late the loop may be; 0: everybody gets in at once."""

    lag_seconds_max: float
    clock: Callable[[], float]
    call_later: Callable[[float, Callable[[], None]], Any]
    pace: float = PACE_START
    _turns: float = SAVED_MAX
    _at: float = float("-inf")
    # When the next tick should come; 0.0 while nobody waits.
    _due: float = 0.0
    # Who has got in and goes on: as many as connections are let in and have no session.
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    # The collector's thresholds as they were before the rush.
    _calm: tuple[int, int, int] | None = None
    # Listeners with somebody at the door: one entry each.
    _doors: deque[Callable[[], None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        SETUP_PACE.set(int(self.pace))

    def free(self) -> bool:
        """Take a turn, where one is free and nobody waits for it."""
        if not self.lag_seconds_max:
            return True
        self._refill(self.clock())
        if self._waiting or self._doors or self._turns < 1.0:
            return False
        self._turns -= 1.0
        return True

    async def turn(self) -> None:
        """Wait for a turn, before all who are still outside: what was begun is finished first."""
        if self.free():
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._tick_later()
        await waiting

    def when_free(self, door: Callable[[], None]) -> None:
        """Call `door` when it has a turn: one may come in."""
        self._doors.append(door)
        self._tick_later()

    def _refill(self, now: float) -> None:
        self._turns = min(SAVED_MAX, self._turns + max(0.0, now - self._at) * self.pace)
        self._at = now

    def _tick_later(self) -> None:
        if self._calm is None:
            self._calm = gc.get_threshold()
            gc.set_threshold(*RUSH_OBJECTS)
        if not self._due:
            self._due = self.clock() + TICK_SECONDS
            self.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        now = self.clock()
        late = now - self._due > self.lag_seconds_max
        self.pace = max(PACE_MIN, self.pace * SLOWER) if late else min(PACE_MAX, self.pace + FASTER)
        SETUP_PACE.set(int(self.pace))
        self._due = 0.0
        self._refill(now)
        while self._turns >= 1.0 and (self._waiting or self._doors):
            if self._waiting:
                waiting = self._waiting.popleft()
                if waiting.done():
                    continue
                waiting.set_result(None)
            else:
                self._doors.popleft()()
            self._turns -= 1.0
        if self._waiting or self._doors:
            self._tick_later()
        elif self._calm is not None:
            gc.set_threshold(*self._calm)
            self._calm = None
