"""Whom users have blocked (XEP-0191): one watch per process keeps a replica of bucket "blocklists"."""

from __future__ import annotations

import logging
from collections.abc import Callable

from natter.proto.v1.bus_pb2 import Blocklist

from . import subjects
from .api import Bus, NoStream, Subscription, WrongRevision
from .kv import Bucket, Value, bucket_spec, ensure

log = logging.getLogger(__name__)

NOBODY: frozenset[str] = frozenset()
# Writers of one list that meet: more rounds than a user has sessions.
ROUNDS_MAX = 50

OnChange = Callable[[str, frozenset[str], frozenset[str]], None]
Edit = Callable[[frozenset[str]], frozenset[str]]


class Blocklists:
    """The replica, and the writes. Own writes are seen at once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, subjects.BLOCKLISTS)
        self._watch: Subscription | None = None
        # By owner; who blocks nobody is not here.
        self.lists: dict[str, frozenset[str]] = {}
        self._owners: dict[str, str] = {}
        self._revisions: dict[str, int] = {}
        self._callbacks: list[OnChange] = []

    async def start(self) -> None:
        """Returns when the replica is complete."""
        await ensure(self._bus, bucket_spec(subjects.BLOCKLISTS))
        self._watch = await self._bucket.watch(self._on_value, self._on_delete)

    async def stop(self) -> None:
        """End the watch. The replica stays as it is."""
        if self._watch is not None:
            await self._watch.stop()

    def on_change(self, callback: OnChange) -> None:
        """Call with (owner, before, after) whenever a list changes."""
        self._callbacks.append(callback)

    def of(self, owner: str) -> frozenset[str]:
        """Whom a bare JID has blocked."""
        return self.lists.get(owner, NOBODY)

    def blocks(self, owner: str, jid: str) -> bool:
        """Whether `owner`, a bare JID, has blocked `jid`. Nobody blocks the own other sessions."""
        blocked = self.lists.get(owner)
        return blocked is not None and matches(blocked, jid) and jid.partition("/")[0] != owner

    async def change(self, owner: str, edit: Edit) -> frozenset[str]:
        """Replace a list by what `edit` makes of it; what it is then. Raises `BusError`."""
        key = subjects.token(owner)
        for _ in range(ROUNDS_MAX):
            found = await self._bucket.get(key)
            before = frozenset(Blocklist.FromString(found.value).jids) if found is not None else NOBODY
            after = edit(before)
            if after == before:
                return after
            value = Blocklist(owner=owner, jids=sorted(after)).SerializeToString()
            try:
                if found is None:
                    revision = await self._bucket.create(key, value)
                else:
                    revision = await self._bucket.update(key, value, found.revision)
            except WrongRevision:
                continue
            self._apply(key, owner, after, revision)
            return after
        raise WrongRevision(f"a blocklist changed {ROUNDS_MAX} times")

    async def forget(self, owner: str) -> None:
        """The account is gone. Raises `BusError`."""
        key = subjects.token(owner)
        try:
            if await self._bucket.get(key) is not None:
                await self._bucket.delete(key)
        except NoStream:
            # Nobody has ever blocked anybody.
            return

    def _on_value(self, value: Value) -> None:
        found = Blocklist.FromString(value.value)
        self._apply(value.key, found.owner, frozenset(found.jids), value.revision)

    def _on_delete(self, key: str, revision: int) -> None:
        owner = self._owners.get(key)
        if owner is not None:
            self._apply(key, owner, NOBODY, revision)

    def _apply(self, key: str, owner: str, after: frozenset[str], revision: int) -> None:
        if revision <= self._revisions.get(key, 0):
            return
        before = self.lists.get(owner, NOBODY)
        self._owners[key], self._revisions[key] = owner, revision
        if after:
            self.lists[owner] = after
        else:
            self.lists.pop(owner, None)
        for callback in self._callbacks:
            try:
                callback(owner, before, after)
            except Exception:
                log.exception("blocklist callback failed")


def matches(blocked: frozenset[str], jid: str) -> bool:
    """Whether a JID is among the blocked ones."""
    # XEP-0191 §6: that resource, any resource, domain/resource, the whole domain.
    bare, slash, resource = jid.partition("/")
    if jid in blocked or bare in blocked:
        return True
    domain = bare[bare.find("@") + 1 :]
    return domain in blocked or (bool(slash) and f"{domain}/{resource}" in blocked)
