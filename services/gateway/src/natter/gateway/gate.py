"""Setting up connections in portions: as many as leave the event loop punctual. Who is connected already does not wait.

To let a connection in, to shake hands over TLS, to log in: each takes up to a millisecond of the loop. When thousands
come at once, these are seconds in which nobody hears anything. So each step waits for a turn: one connection that is
let in, one handshake, one read of what a client without a session says. How many turns there are is found out: a few
more with every tick that comes in time, a tenth less with every one that is late, whoever made it so – this process, or
others on its cores. So a certain share of the ticks is late in the end, and the less late they may be, the fewer.
"""

from __future__ import annotations

import asyncio
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
# What a tick in time adds, for each second that it might have been late, and what one that was late leaves.
FASTER: Final = 500.0
SLOWER: Final = 0.9
# Turns that may be taken at once after a while without any: about one login.
SAVED_MAX: Final = 8.0


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
    # Who has got in and goes on: one entry per connection without a session.
    _inside: deque[Callable[[], None]] = field(default_factory=deque)
    # Listeners with somebody at the door, and who is to shake hands: one entry each.
    _doors: deque[Callable[[], None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        SETUP_PACE.set(int(self.pace))

    def free(self) -> bool:
        """Take a turn, where one is free and nobody waits for it."""
        if not self.lag_seconds_max:
            return True
        self._refill(self.clock())
        if self._inside or self._doors or self._turns < 1.0:
            return False
        self._turns -= 1.0
        return True

    def go_on(self, inside: Callable[[], None]) -> None:
        """Call `inside` when it has a turn, before all who are still outside: what was begun is finished first."""
        self._inside.append(inside)
        self._tick_later()

    async def turn(self) -> None:
        """Wait for a turn, among those who are still outside."""
        if self.free():
            return
        waiting = asyncio.get_running_loop().create_future()
        self.when_free(lambda: None if waiting.done() else waiting.set_result(None))
        await waiting

    def when_free(self, door: Callable[[], None]) -> None:
        """Call `door` when it has a turn: one may come in."""
        self._doors.append(door)
        self._tick_later()

    def _refill(self, now: float) -> None:
        self._turns = min(SAVED_MAX, self._turns + max(0.0, now - self._at) * self.pace)
        self._at = now

    def _tick_later(self) -> None:
        if not self._due:
            self._due = self.clock() + TICK_SECONDS
            self.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        now = self.clock()
        late = now - self._due > self.lag_seconds_max
        faster = self.pace + FASTER * self.lag_seconds_max
        self.pace = max(PACE_MIN, self.pace * SLOWER) if late else min(PACE_MAX, faster)
        SETUP_PACE.set(int(self.pace))
        self._due = 0.0
        self._refill(now)
        while self._turns >= 1.0 and (self._inside or self._doors):
            self._turns -= 1.0
            (self._inside or self._doors).popleft()()
        if self._inside or self._doors:
            self._tick_later()
