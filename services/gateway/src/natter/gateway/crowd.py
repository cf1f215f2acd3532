"""Presence for many at once: written soon where it is the only one, and together where one follows the other.

Everybody in a room hears of everybody who comes. When a hundred come one after another, each arrival alone would be a
write to every socket in the room, and a client that wakes up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from .session import Session

# Recipients here from which a presence is one of a crowd's.
CROWD_SESSIONS_MIN: Final = 8
# Presence waits behind the one before at most so long; what else is written to the session takes it along, in order.
WAIT_SECONDS_MAX: Final = 0.04


@dataclass(slots=True)
class Crowd:
    """Which sessions have presence in their outbox that nobody has to be woken for yet: at most all sessions."""

    now: Callable[[], float]
    call_later: Callable[[float, Callable[[], None]], Any]
    # Puts a session among those whose outbox is written at the end of this tick.
    wake: Callable[[Session], None]
    _waiting: dict[Session, None] = field(default_factory=dict)
    _written: float = float("-inf")

    def waker(self) -> Callable[[Session], None]:
        """What to do with each recipient of the presence that is at hand."""
        now = self.now()
        if self._waiting or now < self._written + WAIT_SECONDS_MAX:
            return self._wait
        # The first one for a while.
        self._written = now
        return self.wake

    def _wait(self, session: Session) -> None:
        if not self._waiting:
            self.call_later(self._written + WAIT_SECONDS_MAX - self.now(), self.write)
        self._waiting[session] = None

    def write(self) -> None:
        """Nobody waits any longer."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._written = self.now()
        for session in waiting:
            if session.outbox.parts and not session.awake:
                self.wake(session)
