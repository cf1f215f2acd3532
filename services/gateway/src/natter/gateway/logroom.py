"""Room in this gateway's delivery log: what nobody needs goes before the js_stream is full (ADR 0011)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import BusError, Usage
from natter.bus.trim import FULL_SHARE, PART, trim
from natter.telemetry.names import LIMITS_HIT

from .outbox import Outbox
from .resumption import can_wait
from .unacked import Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
# Above this share of the byte limit, sessions that hold the oldest part are given up.
SHORT_SHARE = 0.8


class LogRoom:
    """`needed` gives the highest entry of the log that nobody needs any more: not for a takeover, not to hand back."""

    def __init__(self, gateway: Gateway, needed: Callable[[], int]) -> None:
        self._gateway = gateway
        self._needed = needed
        # Sessions whose socket took nothing when it was looked at last.
        self._stalled: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except BusError as error:
                log.debug("the delivery log was not trimmed: %r", error)

    async def look(self) -> None:
        """Look once."""
        bus = self._gateway.bus
        usage = await bus.usage(subjects.DELIVERIES)
        if usage.bytes_max <= 0 or usage.bytes_used < usage.bytes_max * FULL_SHARE:
            self._stalled.clear()
            return
        await trim(bus, subjects.DELIVERIES, subjects.deliver(self._gateway.incarnation), self._needed())
        if usage.bytes_used >= usage.bytes_max * SHORT_SHARE:
            self._give_up_oldest(usage)

    def _give_up_oldest(self, usage: Usage) -> None:
        """A shorter window is better than a refusal: what these sessions are owed goes back to the lanes."""
        gateway = self._gateway
        bound = usage.first_sequence + (usage.last_sequence - usage.first_sequence) // PART
        held = self._needed() < bound
        before, self._stalled = self._stalled, set()
        for session in list(gateway.sessions.values()):
            outbox = session.outbox
            if isinstance(outbox, Unacked):
                if not 0 < outbox.oldest <= bound or not can_wait(session):
                    continue
                LIMITS_HIT.add("log")
                if outbox.attached:
                    # It may come back; if it does not acknowledge then either, it is over.
                    session.link.overflow()
                else:
                    gateway.leave(session)
            elif held and isinstance(outbox, Outbox) and outbox.stalled and outbox.parts:
                self._stalled.add(session.id)
                if session.id in before:
                    LIMITS_HIT.add("log")
                    session.link.overflow()
