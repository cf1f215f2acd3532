"""Sessions of gateways that are gone: those that live share them, and take them over before their clients ask."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from zlib import crc32

from natter.bus.api import BusError
from natter.bus.directory import Session as Record
from natter.bus.instances import alive

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

HEIR_SECONDS = 1.0
TAKEN_AT_ONCE_MAX = 64


async def inherit(gateway: Gateway) -> None:
    """Take over, until cancelled, this gateway's share of the sessions that dead gateways have left (ADR 0006)."""
    heirs = Heirs(gateway)
    while True:
        await asyncio.sleep(HEIR_SECONDS)
        gateway.takeovers.expect_no_more()
        try:
            await gateway.takeovers.forget_former()
            await heirs.look()
        except BusError as error:
            # Nobody could say that he lives.
            log.debug("heirs: %r", error)
            heirs.missing = set()


class Heirs:
    """What this gateway inherits. A gateway is dead when it is missing twice in a row."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._gate = asyncio.Semaphore(TAKEN_AT_ONCE_MAX)
        # Sessions on their way: one that takes long does not hold up the others.
        self._taking: set[str] = set()
        # Gateways with sessions that did not live at the last look.
        self.missing: set[str] = set()

    async def look(self) -> None:
        """Look once. `BusError`."""
        gateway = self._gateway
        directory = gateway.binding.directory
        live = await alive(gateway.bus, "gateway")
        if gateway.incarnation not in live or gateway.draining:
            self.missing = set()
            return
        of_others = [s for s in directory.at(directory.gateways().keys() - set(live)) if s.resumption]
        share, place = len(live), sorted(live).index(gateway.incarnation)
        mine = [s for s in of_others if s.gateway in self.missing and crc32(s.session.encode()) % share == place]
        mine = [s for s in mine if s.session not in self._taking]
        if mine:
            log.warning("taking over %d sessions of gateways that are gone", len(mine))
        self._taking.update(s.session for s in mine)
        for record in mine:
            gateway.spawn(self._take(record))
        self.missing = {s.gateway for s in of_others}

    async def _take(self, record: Record) -> None:
        try:
            async with self._gate:
                await self._gateway.takeovers.take(record)
        except BusError as error:
            # The next look finds it again.
            log.debug("a session was not taken over: %r", error)
        finally:
            self._taking.discard(record.session)
