"""Profile zero: what is said and done in rooms goes to disk sealed, with a key that is in memory only. ADR 22."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from natter.bus import subjects
from natter.bus.api import Bus, WrongRevision
from natter.bus.kv import Bucket
from natter.proto.v1 import room_pb2

from .room import snapshot
from .room.lasting import lasting, settled
from .room.state import Room

_KEY: Final = "rooms"
_NONCE_BYTES: Final = 12
# Keys that this process has known; nats-server has lost its memory as often. What the oldest sealed is closed then.
_KEYS_MAX: Final = 8


class Seal:
    """Of one process. Without a bus nothing is sealed."""

    def __init__(self, bus: Bus | None = None) -> None:
        self._bucket = Bucket(bus, subjects.SEALS) if bus is not None else None
        # The newest first.
        self._keys: deque[bytes] = deque(maxlen=_KEYS_MAX)

    async def ready(self) -> None:
        """Have the key that all instances share. Where nats-server has lost it, it gets ours again."""
        if self._bucket is None:
            return
        found = await self._bucket.get(_KEY)
        if found is None:
            mine = self._keys[0] if self._keys else ChaCha20Poly1305.generate_key()
            try:
                await self._bucket.create(_KEY, mine)
                self._remember(mine)
                return
            except WrongRevision:
                found = await self._bucket.get(_KEY)
        if found is not None:
            self._remember(found.value)

    def _remember(self, key: bytes) -> None:
        if key in self._keys:
            self._keys.remove(key)
        self._keys.appendleft(key)

    def events(self, events: Iterable[room_pb2.RoomEvent], summary: room_pb2.RoomSummary) -> bytes:
        """A journal entry."""
        whole = room_pb2.RoomEvents(events=events, summary=summary)
        if self._bucket is None:
            return whole.SerializeToString()
        left = [kept for event in whole.events if (kept := lasting(event)) is not None]
        sealed = self._close(room_pb2.RoomEvents(events=whole.events).SerializeToString())
        return room_pb2.RoomEvents(events=left, summary=summary, sealed=sealed).SerializeToString()

    def opened(self, payload: bytes) -> bytes:
        """The journal entry as it was before; where the key is lost, what lasts of it."""
        entry = room_pb2.RoomEvents.FromString(payload)
        if not entry.sealed:
            return payload
        whole = self._open(entry.sealed)
        if whole is not None:
            entry.ClearField("events")
            entry.MergeFromString(whole)
        entry.ClearField("sealed")
        return entry.SerializeToString()

    def snapshot(self, room: Room) -> bytes:
        """The snapshot of a room."""
        whole = snapshot.encode(room)
        if self._bucket is None:
            return whole
        told = room_pb2.RoomSnapshot.FromString(snapshot.encode(settled(room)))
        told.sealed = self._close(whole)
        return told.SerializeToString()

    def room(self, payload: bytes) -> Room:
        """The room of a snapshot; where the key is lost, what lasts of it."""
        sealed = room_pb2.RoomSnapshot.FromString(payload).sealed
        whole = self._open(sealed) if sealed else None
        return snapshot.decode(payload if whole is None else whole)

    def _close(self, words: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + ChaCha20Poly1305(self._keys[0]).encrypt(nonce, words, None)

    def _open(self, sealed: bytes) -> bytes | None:
        for key in self._keys:
            try:
                return ChaCha20Poly1305(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
            except InvalidTag:
                continue
        return None
