"""How far this gateway has written its deliveries to sockets: from there on they are handed back should it die."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from natter.bus import subjects
from natter.bus.api import Bus, BusError, WrongRevision
from natter.bus.kv import Bucket, bucket_spec, ensure

from .outbox import Outbox
from .session import Session

log = logging.getLogger(__name__)

SAVE_SECONDS = 0.25
# Looked at between two turns of the loop.
SESSIONS_PER_TURN_MAX = 500


class Position:
    """Key deliver.<incarnation> of bucket "positions". `taken` gives the sequence of the newest entry worked off."""

    def __init__(
        self,
        bus: Bus,
        incarnation: str,
        taken: Callable[[], int],
        sessions: Callable[[], Iterable[Session]],
        returned: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, subjects.POSITIONS)
        self._key = subjects.delivered(incarnation)
        self._taken = taken
        self._sessions = sessions
        # Waits until what goes back by now is stored.
        self._returned = returned
        self.saved = 0
        self._revision = 0
        # The janitor has taken this gateway, which stood still, for dead.
        self._given_up = False

    async def start(self) -> None:
        """Before the first session: who has no position left nothing behind."""
        await ensure(self._bus, bucket_spec(subjects.POSITIONS))
        self._revision = await self._bucket.create(self._key, b"0")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                try:
                    await self.save()
                except WrongRevision:
                    await self._look()
            except BusError as error:
                log.debug("position not saved: %r", error)

    async def save(self) -> None:
        """Move forward, unless something still waits for a socket: it would be lost with this process."""
        taken = self._taken()
        # Who waits for nothing when looked at has been written all that had been taken before.
        for number, session in enumerate(list(self._sessions()), 1):
            if _waits(session):
                return
            if not number % SESSIONS_PER_TURN_MAX:
                await asyncio.sleep(0)
        if self._returned is not None:
            await self._returned()
        if self._given_up:
            # The sessions of that time are gone; what comes for new ones is looked after again.
            self._revision = await self._bucket.create(self._key, str(taken).encode())
            self._given_up = False
        elif taken > self.saved:
            self._revision = await self._bucket.update(self._key, str(taken).encode(), self._revision)
        self.saved = taken

    async def _look(self) -> None:
        """The key is not what was written last: by the janitor, or by a write of ours whose answer was lost?"""
        found = await self._bucket.get(self._key)
        if found is not None and not found.value.startswith(subjects.TAKEN_FOR_DEAD):
            self._revision = found.revision
        elif not self._given_up:
            self._given_up = True
            log.warning("this gateway was taken for dead; what it had not written was handed back")

    async def stop(self) -> None:
        """All is written or handed back: nothing is left to look at."""
        try:
            await self._bucket.delete(self._key)
        except BusError as error:
            log.debug("position not removed: %r", error)


def _waits(session: Session) -> bool:
    outbox, managed = session.outbox, session.managed
    if isinstance(outbox, Outbox):
        return bool(outbox.parts or outbox.in_flight)
    # What a session that can be resumed has not acknowledged is its heir's. Without resumption there is no heir.
    return managed is not None and not managed.id and bool(outbox.parts or outbox.stalled)
