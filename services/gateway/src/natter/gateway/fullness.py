"""Whether the bus has room for more: if not, what clients say is answered at once instead of accepted (ADR 0011)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import BusError
from natter.telemetry.names import LIMITS_HIT

from .pipeline import Refusing

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# js_streams that what is accepted goes to next. From the first share on nothing more is accepted, down to the second.
BEHIND = (subjects.DELIVERIES, subjects.SHARDS, subjects.JOURNALS)
SHORT_SHARE = 0.95
ROOM_SHARE = 0.9


class Fullness:
    """Keeps `gateway.refusing`. The lane tells by itself when it is refused; the others are asked about."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lane = False
        self._short: set[str] = set()
        gateway.lane.on_full = self._lane_full

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except BusError as error:
                log.debug("how full the bus is cannot be known: %r", error)

    async def look(self) -> None:
        """Ask once."""
        for stream in BEHIND:
            usage = await self._gateway.bus.usage(stream)
            share = ROOM_SHARE if stream in self._short else SHORT_SHARE
            if 0 < usage.bytes_max * share <= usage.bytes_used:
                self._short.add(stream)
            else:
                self._short.discard(stream)
        self._say()

    def _lane_full(self, full: bool) -> None:
        self._lane = full
        self._say()

    def _say(self) -> None:
        everything = self._lane or bool(self._short - {subjects.JOURNALS})
        refusing = Refusing.ALL if everything else Refusing.JOURNALED if self._short else Refusing.NOTHING
        if refusing != self._gateway.refusing:
            self._gateway.refusing = refusing
            if refusing:
                LIMITS_HIT.add("full")
            full = [subjects.LANES] * self._lane + sorted(self._short)
            log.warning(
                "new stanzas are refused: no room in %s" if refusing else "there is room again%s", ", ".join(full)
            )
