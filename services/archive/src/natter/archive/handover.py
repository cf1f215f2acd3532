"""What waits for users is handed over when they come: once, whatever dies in between. XEP-0160 §2."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from natter.bus.api import Bus, BusError
from natter.bus.directory import Directory, Session
from natter.bus.subjects import deliver
from natter.proto.v1.bus_pb2 import Envelope, Frame
from natter.storage.archive import Archive, Waiting
from natter.storage.database import DatabaseError
from natter.telemetry import names

from . import replies

log = logging.getLogger(__name__)

# Messages in one batch, and bytes in one envelope.
BATCH_MAX: Final = 100
BYTES_MAX: Final = 256 << 10
RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 3.0
# Sessions remembered that have asked their archive before they became available; the oldest are forgotten.
READERS_MAX: Final = 10_000


class Handover:
    """For the users of all shards that are held here. `shard_of` numbers them."""

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        archive: Archive,
        shard_of: Callable[[str], int],
        blocks: Callable[[str, str], bool] = lambda owner, jid: False,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._blocks = blocks
        self._bus = bus
        self._directory = directory
        self._archive = archive
        self._shard_of = shard_of
        self._shards: set[int] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._readers: OrderedDict[str, None] = OrderedDict()
        self._choosing: OrderedDict[str, None] = OrderedDict()
        directory.on_change(self._changed)

    async def open(self, shard: int) -> None:
        """A shard was taken: look what waits. Raises `DatabaseError`."""
        counts = await self._archive.counts()
        self._shards.add(shard)
        for owner, count in counts.items():
            if self._shard_of(owner) == shard:
                self.counts[owner] = count
                self._look(owner)

    def left(self, shard: int) -> None:
        """A shard was given up."""
        self._shards.discard(shard)
        for owner in [owner for owner in self.counts if self._shard_of(owner) == shard]:
            del self.counts[owner]

    def waits(self, owner: str) -> None:
        """One more message waits, in the database."""
        self.counts[owner] += 1
        names.WAITING.add("stored")
        # They may have come in the meantime.
        self._look(owner)

    def chooses(self, session: str) -> None:
        """A session has asked what waits: from here on it fetches that itself (XEP-0013 §2.2)."""
        self._choosing[session] = None
        if len(self._choosing) > READERS_MAX:
            self._choosing.popitem(last=False)

    def removed(self, owner: str, count: int) -> None:
        """So much less waits, in the database."""
        self.counts[owner] -= count
        if self.counts[owner] <= 0:
            del self.counts[owner]

    def asked(self, session: str) -> None:
        """A session has asked its archive."""
        found = self._directory.by_session(session)
        if found is not None and not found.available:
            # XEP-0313 §6.1.1: who has read the archive before being available need not get the same again.
            self._readers[session] = None
            if len(self._readers) > READERS_MAX:
                self._readers.popitem(last=False)

    def unwanted(self, waits: Waiting) -> bool:
        """XEP-0191 §3.3: whether its sender was blocked since it was said."""
        return self._blocks(waits.owner, Frame.FromString(waits.frame).sender)

    async def close(self) -> None:
        """Stop; what is under way is finished by whoever comes next."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _changed(self, before: Session | None, after: Session | None) -> None:
        if after is not None and takes(after) and (before is None or not takes(before)):
            self._look(after.bare)

    def _look(self, owner: str) -> None:
        if not self.counts.get(owner) or owner in self._running or self._target(owner) is None:
            return
        task = asyncio.create_task(self._hand(owner))
        self._running[owner] = task
        task.add_done_callback(lambda _: self._handed(owner))

    def _handed(self, owner: str) -> None:
        self._running.pop(owner, None)
        self._look(owner)

    def _target(self, owner: str) -> Session | None:
        """The session that gets it: the one with the highest priority, of several the newest."""
        sessions = self._directory.sessions(owner).values()
        able = [session for session in sessions if takes(session) and session.session not in self._choosing]
        return max(able, key=lambda session: (session.priority, session.bound_us), default=None)

    async def _hand(self, owner: str) -> None:
        pause = RETRY_SECONDS_MIN
        while (session := self._target(owner)) is not None:
            count = self.counts[owner]
            try:
                waiting = await self._archive.hand(owner, secrets.token_hex(8), BATCH_MAX)
                if not waiting:
                    if self.counts[owner] != count:
                        # Something came meanwhile.
                        continue
                    del self.counts[owner]
                    return
                await self._send(session, waiting)
                await self._archive.handed(owner, waiting[0].handed)
                self.counts[owner] -= len(waiting)
                names.WAITING.add("handed", by=len(waiting))
                pause = RETRY_SECONDS_MIN
            except (BusError, DatabaseError) as error:
                log.debug("what waits cannot be handed over: %s", type(error).__name__)
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(RETRY_SECONDS_MAX, pause * 2)

    async def _send(self, session: Session, waiting: list[Waiting]) -> None:
        """Write it into the log of the session's gateway. Said twice under the same names it is there once."""
        read = session.session in self._readers
        unwanted = [waits for waits in waiting if self.unwanted(waits)]
        frames = [waits.frame for waits in waiting if not (read and waits.archived) and waits not in unwanted]
        batch = waiting[0].handed
        for number, envelope in enumerate(envelopes(frames, session.session)):
            await self._bus.publish(deliver(session.gateway), envelope, msg_id=f"waiting.{batch}.{number}")
        for number, waits in enumerate(unwanted):
            await self._refuse(Frame.FromString(waits.frame), f"waiting.{batch}.refused.{number}")

    async def _refuse(self, frame: Frame, msg_id: str) -> None:
        """The sender hears that nobody will get it, where the session that said it is still there."""
        names.WAITING.add("refused")
        sender = self._directory.by_session(frame.session)
        if sender is not None:
            envelope = Envelope(source="archive", frames=[replies.error(frame, "service-unavailable")])
            await self._bus.publish(deliver(sender.gateway), envelope.SerializeToString(), msg_id=msg_id)


def takes(session: Session) -> bool:
    """Whether messages for the account may go to this session."""
    # XEP-0160 §2: initial presence with a priority that is not negative.
    return session.available and session.priority >= 0


def envelopes(frames: list[bytes], session: str) -> Iterator[bytes]:
    """Stored frames for one session, as few envelopes as their size allows."""
    envelope, size = Envelope(source="archive"), 0
    for raw in frames:
        if size and size + len(raw) > BYTES_MAX:
            yield envelope.SerializeToString()
            envelope, size = Envelope(source="archive"), 0
        frame = Frame.FromString(raw)
        frame.sessions.append(session)
        envelope.frames.append(frame)
        size += len(raw)
    if envelope.frames:
        yield envelope.SerializeToString()
