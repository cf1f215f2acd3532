"""The directory is told that a session is at this gateway now: by compare-and-set, so that one of several wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from natter.bus.api import BusError, WrongRevision
from natter.bus.directory import Session as Record
from natter.bus.instances import alive

from .session import Announcement, Session

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

# Its own gateway, or its heir, may write something of it meanwhile: a few rounds settle it.
ROUNDS_MAX = 5
ROUND_SECONDS = 0.05
RETRY_SECONDS = 0.5
# About as long as a dead gateway is thought to live.
ARRIVING_ROUNDS_MAX = 100
# How often it is asked whether it does.
ALIVE_ROUNDS = 20


async def claim(gateway: Gateway, session: Session, record: Record) -> bool:
    """Whether the session that `record` names is this gateway's now. It always knows: to guess would be to lose it."""
    directory = gateway.binding.directory
    rounds = ROUNDS_MAX
    while rounds:
        try:
            session.record = await directory.update(
                record, gateway=gateway.incarnation, lane=gateway.binding.lane_number, arriving=True
            )
            return True
        except WrongRevision:
            # Its availability has changed, or somebody else has taken it.
            rounds -= 1
            await asyncio.sleep(ROUND_SECONDS)
        except BusError as error:
            # The write may be stored, or may not be.
            log.debug("a claim has no answer: %r", error)
            await asyncio.sleep(RETRY_SECONDS)
        found = await _now(gateway, record)
        if found is None or found.gateway not in (record.gateway, gateway.incarnation):
            return False
        if found.gateway == gateway.incarnation:
            session.record = found
            return True
        record = found
        session.announced = Announcement(record.available, record.priority, record.carbons, record.blocklist)
    return False


async def settled(gateway: Gateway, record: Record) -> bool:
    """Whether the session may be taken from the gateway that has it, after a while where that is still arriving itself.

    Who took it away then would find nothing there but the name of the gateway before, and who is fast enough could go
    on like that for ever.
    """
    directory = gateway.binding.directory
    for round_ in range(ARRIVING_ROUNDS_MAX):
        if not record.arriving:
            return True
        # The replica hears by itself of what changes; many may wait here at once.
        if not round_ % ALIVE_ROUNDS and record.gateway not in await alive(gateway.bus, "gateway"):
            return True
        await asyncio.sleep(ROUND_SECONDS)
        now = directory.by_session(record.session)
        if now is None or now.gateway != record.gateway:
            return False
        record = now
    return False


async def arrived(gateway: Gateway, session: Session, fenced: Mapping[str, object]) -> None:
    """The session is all here: who wants it may have it. `fenced`: its last fence, fields of `Record`; a router that
    begins behind it hears of it."""
    while session.record.arriving and not session.over:
        if not await gateway.binding.change(session, arriving=False, **fenced):
            await asyncio.sleep(RETRY_SECONDS)


async def _now(gateway: Gateway, record: Record) -> Record | None:
    """The session's record itself, as soon as the bus answers; None: there is no such session any more."""
    while True:
        try:
            return await gateway.binding.directory.read(record)
        except BusError:
            await asyncio.sleep(RETRY_SECONDS)
