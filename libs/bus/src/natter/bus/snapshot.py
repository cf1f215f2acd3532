"""Snapshots: the state of an entity at a revision, so that loading need not start at the first event."""

from __future__ import annotations

from . import failpoint, subjects
from .api import PAYLOAD_BYTES_MAX, Bus, WrongRevision
from .kv import Bucket

REVISION_BYTES = 8
SNAPSHOT_BYTES_MAX = PAYLOAD_BYTES_MAX - REVISION_BYTES


class Snapshots:
    """The snapshots of all entities, the newest of each."""

    def __init__(self, bus: Bus, bucket: str = subjects.SNAPSHOTS) -> None:
        self._bucket = Bucket(bus, bucket)

    async def get(self, kind: str, entity: str) -> tuple[int, bytes] | None:
        """Revision and state."""
        found = await self._bucket.get(_key(kind, entity))
        return _split(found.value) if found is not None else None

    async def put(self, kind: str, entity: str, revision: int, payload: bytes) -> None:
        """Replace an older snapshot; a newer one stays, because what it covers may be truncated already.

        ValueError: the state does not fit into one NATS message (1 MiB).
        """
        if len(payload) > SNAPSHOT_BYTES_MAX:
            raise ValueError(f"snapshot of {len(payload)} bytes is above {SNAPSHOT_BYTES_MAX}")
        key = _key(kind, entity)
        value = revision.to_bytes(REVISION_BYTES, "big") + payload
        while True:
            found = await self._bucket.get(key)
            try:
                if found is None:
                    await self._bucket.create(key, value)
                elif _split(found.value)[0] < revision:
                    await self._bucket.update(key, value, found.revision)
                if failpoint.armed:
                    failpoint.hit(failpoint.MID_SNAPSHOT)
                return
            except WrongRevision:
                continue

    async def delete(self, kind: str, entity: str) -> None:
        """Forget the entity."""
        await self._bucket.delete(_key(kind, entity))


def _key(kind: str, entity: str) -> str:
    return f"{kind}.{subjects.token(entity)}"


def _split(value: bytes) -> tuple[int, bytes]:
    return int.from_bytes(value[:REVISION_BYTES], "big"), value[REVISION_BYTES:]
