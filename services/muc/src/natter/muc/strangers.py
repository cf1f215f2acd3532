"""Sessions that the directory's replica does not show: gone for good, or not there yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.directory import Directory, Session, key
from natter.bus.kv import Bucket
from natter.bus.moves import Moves
from natter.proto.v1.bus_pb2 import SessionRecord

from .room.request import Target

# Remembered; the oldest are forgotten.
STRANGERS_MAX: Final = 16_384


class Strangers:
    """One per process: where they are, once somebody has looked."""

    def __init__(self, bus: Bus, directory: Directory) -> None:
        self._bucket = Bucket(bus, subjects.SESSIONS)
        self._directory = directory
        # Gateway by session id; "" for one that has ended: it never comes back.
        self._gateways: OrderedDict[str, str] = OrderedDict()
        # Counts changes of who is where: what was made of an older state is stale.
        self.generation = 0
        self.moves = Moves(directory)
        # Told the full JID and the session of everybody who leaves; one per shard held.
        self.on_gone: set[Callable[[str, str], None]] = set()
        directory.on_change(self._on_change)

    def changed(self) -> None:
        """Who gets what may have changed: somebody was blocked, or is no more."""
        self.generation += 1

    def gateway(self, session: str) -> str | None:
        """Where the session is, "" if it has ended, None if nobody looked yet."""
        return self._gateways.get(session)

    async def look(self, target: Target) -> None:
        """Read the record itself: a replica may lag behind a session that has just begun."""
        bare, _, resource = target.jid.partition("/")
        found = await self._bucket.get(key(bare, resource))
        gateway = ""
        if found is not None:
            record = SessionRecord.FromString(found.value)
            gateway = record.gateway if record.session == target.session else ""
        if self._directory.by_session(target.session) is None:
            self._remember(target.session, gateway)

    def _on_change(self, before: Session | None, after: Session | None) -> None:
        if before is None or after is None or (before.session, before.gateway) != (after.session, after.gateway):
            self.generation += 1
        if before is not None and (after is None or after.session != before.session):
            self._remember(before.session, "")
            for tell in tuple(self.on_gone):
                tell(before.jid, before.session)
        if after is not None:
            left = self._gateways.pop(after.session, "")
            if left and left != after.gateway:
                self.moves.moved(left, after.gateway)

    def _remember(self, session: str, gateway: str) -> None:
        self.generation += 1
        self._gateways[session] = gateway
        if len(self._gateways) > STRANGERS_MAX:
            self._gateways.popitem(last=False)
