"""Delivery logs of gateways that are gone: forgotten when room is short and nobody can need them any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.trim import FULL_SHARE
from natter.telemetry import names

log = logging.getLogger(__name__)

# How long whoever has taken sessions over from a gateway may still read its log.
READ_SECONDS_MAX = 120.0
LOOK_SECONDS = 5.0


class Clearing:
    """Called by the janitor. A living gateway looks after its own log."""

    def __init__(self, bus: Bus, now: Callable[[], float], *, read_seconds_max: float = READ_SECONDS_MAX) -> None:
        self._bus = bus
        self._now = now
        self._read_seconds_max = read_seconds_max
        self._looked = float("-inf")
        # Since when nobody has named a gateway that has a log.
        self._gone: dict[str, float] = {}

    async def look(self, needed: Container[str]) -> None:
        """`needed`: gateways that live, that sessions are with, or that have something left to hand back."""
        now = self._now()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        usage = await self._bus.usage(subjects.DELIVERIES)
        if usage.bytes_max <= 0 or usage.bytes_used < usage.bytes_max * FULL_SHARE:
            self._gone.clear()
            return
        prefix = subjects.deliver("")
        newest = await self._bus.last_many(subjects.DELIVERIES, f"{prefix}*")
        logs = {entry.subject[len(prefix) :] for entry in newest}
        self._gone = {gateway: self._gone.get(gateway, now) for gateway in logs if gateway not in needed}
        for gateway, since in list(self._gone.items()):
            if now - since >= self._read_seconds_max:
                log.warning("%s has been gone for long: its log is forgotten, room is short", gateway)
                names.TRIMMED.add(subjects.DELIVERIES)
                await self._bus.purge(subjects.DELIVERIES, subjects.deliver(gateway))
                del self._gone[gateway]
