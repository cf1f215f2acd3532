"""Whether the bus has room for more: if not, what clients say is answered at once instead of accepted (ADR 0011)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import BusError
from natter.bus.kv import Bucket
from natter.telemetry.names import LIMITS_HIT

from .pipeline import Refusing

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# js_streams that what is accepted goes to next. From the first share on nothing more is accepted, down to the second.
BEHIND = (subjects.DELIVERIES, subjects.SHARDS, subjects.ARCHIVE, subjects.JOURNALS)
SHORT_SHARE = 0.95
ROOM_SHARE = 0.9
# A lane forgets by age. When nobody has routed it for this share of that time, no more is put into it.
LAG_SHARE = 0.5
SAMPLES_MAX = 1000


class Fullness:
    """Keeps `gateway.refusing`. The lane tells by itself when it is refused; the others are asked about.

    `window_seconds`: how long the lane is kept.
    """

    def __init__(self, gateway: Gateway, window_seconds: float) -> None:
        self._gateway = gateway
        self._positions = Bucket(gateway.bus, subjects.POSITIONS)
        self._lag_seconds_max = window_seconds * LAG_SHARE
        # When the lane had which last entry of ours, as far as it is not routed.
        self._unrouted: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)
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
        await self._look_at_lag()
        self._say()

    async def _look_at_lag(self) -> None:
        gateway, unrouted = self._gateway, self._unrouted
        now, last = gateway.loop.time(), gateway.lane.last_sequence
        if last and (not unrouted or unrouted[-1][1] < last):
            unrouted.append((now, last))
        if not unrouted:
            return
        found = await self._positions.get(f"lane.{gateway.binding.lane_number}")
        position = int(found.value.split()[0]) if found is not None else 0
        while unrouted and unrouted[0][1] <= position:
            unrouted.popleft()
        if unrouted and now - unrouted[0][0] > self._lag_seconds_max:
            self._short.add(subjects.LANES)
        else:
            self._short.discard(subjects.LANES)

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
            full = sorted({*self._short, *([subjects.LANES] * self._lane)})
            log.warning(
                "new stanzas are refused: no room in %s" if refusing else "there is room again%s", ", ".join(full)
            )
