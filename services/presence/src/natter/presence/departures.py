"""Sessions that leave without a word: gone from the directory, and still thought present by their user's shard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from natter.bus.directory import Directory, Session
from natter.bus.subjects import shard_of

from .model.user import Session as Presence
from .worker import ShardWorker

# The session's last frame normally comes first.
GRACE_SECONDS = 1.0


class Departures:
    """Watches for the shards held here. `workers` is the live mapping from shard number to worker."""

    def __init__(
        self,
        directory: Directory,
        workers: Mapping[int, ShardWorker],
        *,
        shards: int,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._directory = directory
        self._workers = workers
        self._shards = shards
        self._grace_seconds = grace_seconds
        directory.on_change(self._changed)

    def look(self, worker: ShardWorker) -> None:
        """A shard was opened: whoever left while nobody held it."""
        for session in worker.sessions():
            if self._directory.by_session(session.session) is None:
                self.absent(session)

    def absent(self, session: Presence) -> None:
        """A session that the directory does not have: give it the grace, then let it leave."""
        self._later(session.jid, session.session)

    def _changed(self, before: Session | None, after: Session | None) -> None:
        if before is not None and (after is None or after.session != before.session):
            self._later(before.jid, before.session)

    def _later(self, jid: str, session: str) -> None:
        number = shard_of(jid.partition("/")[0], self._shards)
        if number in self._workers:
            asyncio.get_running_loop().call_later(self._grace_seconds, partial(self._vanish, number, jid, session))

    def _vanish(self, number: int, jid: str, session: str) -> None:
        worker = self._workers.get(number)
        known = worker.session(jid) if worker is not None else None
        if worker is None or known is None or known.session != session:
            return
        if self._directory.by_session(session) is None:
            worker.vanish(known)
