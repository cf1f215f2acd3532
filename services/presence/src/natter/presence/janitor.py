"""What gateways that died have left, removed by the holder of user shard 0: directory records, and deliveries.

Sessions that can be resumed are taken over by the gateways that live; only what none of them has taken is removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from natter.bus.api import BusError
from natter.bus.directory import Directory, Session
from natter.telemetry import names

log = logging.getLogger(__name__)

# Nobody has taken over a session that can be resumed, so long after the end of its time: there is no gateway.
HEIRS_SECONDS_MAX = 60.0
# Questions and deletes under way at once.
AT_ONCE_MAX = 64


class Janitor:
    """Looks about once a second. `alive` gives the live gateway incarnations, `holds` whether this is our business."""

    def __init__(
        self,
        directory: Directory,
        alive: Callable[[], Awaitable[list[str]]],
        holds: Callable[[], bool],
        *,
        now: Callable[[], float],
        missing_seconds_min: float,
        start_seconds_min: float,
        left: Callable[[], Awaitable[set[str]]],
        hand_back: Callable[[str], Awaitable[int]],
        end: Callable[[list[Session]], Awaitable[None]],
        removed: Callable[[Session], Awaitable[bool]],
        clear: Callable[[set[str]], Awaitable[None]],
    ) -> None:
        self._directory = directory
        self._alive = alive
        self._holds = holds
        self._now = now
        self._missing_seconds_min = missing_seconds_min
        self._start_seconds_min = start_seconds_min
        # Gateways that may have left deliveries, and what to do about them.
        self._left = left
        self._hand_back = hand_back
        # Says the last word of sessions, behind all that they have said.
        self._end = end
        # What to do about logs, given the gateways that somebody may still need.
        self._clear = clear
        # Whether a session's account was removed; asked once of each session that waits for an heir.
        self._removed = removed
        self._asked: dict[str, bool] = {}
        # Since when we can tell, and since when each gateway with sessions has been missing.
        self._since: float | None = None
        self._missing: dict[str, float] = {}

    async def run(self, *, period_seconds: float = 1.0) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except BusError as error:
                # Nobody could say that he lives: everybody gets the time again.
                log.debug("janitor: %r", error)
                self.reset()
            await asyncio.sleep(period_seconds)

    def reset(self) -> None:
        """Begin again with the grace of the start."""
        self._since = None
        self._missing.clear()

    async def look(self) -> None:
        """Look once: remove the records of gateways that were missing for long enough."""
        if not self._holds():
            self.reset()
            return
        live = set(await self._alive())
        now = self._now()
        if self._since is None:
            self._since = now
        known = set(self._directory.gateways()) | await self._left()
        self._missing = {gateway: self._missing.get(gateway, now) for gateway in known - live}
        if now - self._since < self._start_seconds_min:
            return
        dead = {gateway for gateway, since in self._missing.items() if now - since >= self._missing_seconds_min}
        await self._ask([s for s in self._directory.at(dead) if s.resumption])
        over = {s.gateway for s in self._directory.at(dead) if self._is_over(s, now)}
        if over:
            await self._remove(over, now)
        for gateway in sorted(dead - over):
            # Its sessions went one look ago, so by now nothing more is delivered there.
            await self._hand_back(gateway)
        await self._clear(live | known)

    async def _ask(self, waiting: list[Session]) -> None:
        """XEP-0077 §3.2: a removed account has no sessions, nor has who takes its name."""
        self._asked = {s.session: self._asked[s.session] for s in waiting if s.session in self._asked}
        new = [session for session in waiting if session.session not in self._asked]
        for start in range(0, len(new), AT_ONCE_MAX):
            part = new[start : start + AT_ONCE_MAX]
            for session, gone in zip(part, await asyncio.gather(*map(self._removed, part)), strict=True):
                self._asked[session.session] = gone

    def _is_over(self, session: Session, now: float) -> bool:
        if not session.resumption or self._asked.get(session.session):
            return True
        return now - self._missing[session.gateway] > session.resume_seconds + HEIRS_SECONDS_MAX

    async def _remove(self, dead: set[str], now: float) -> None:
        sessions = [session for session in self._directory.at(dead) if self._is_over(session, now)]
        if not sessions:
            return
        log.warning("removing %d sessions of %d gateways that are gone", len(sessions), len(dead))
        for start in range(0, len(sessions), AT_ONCE_MAX):
            part = sessions[start : start + AT_ONCE_MAX]
            await self._end(part)
            await asyncio.gather(*(self._directory.delete(session) for session in part))
            names.PRESENCE_GHOSTS.add(by=len(part))
