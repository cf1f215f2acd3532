"""Outcomes to subjects: which log a frame is written to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from natter.bus import subjects
from natter.bus.subjects import ROOM_BITS

from .route.outcome import ShardKind

GATEWAYS_MAX: Final = 4096  # remembered subjects; beyond that the memory starts anew


@dataclass(slots=True)
class Subjects:
    """The subjects of all shards, and of the gateways seen so far."""

    user_shards: int
    room_shards: int
    archive_shards: int = 1
    _shards: dict[ShardKind, tuple[str, ...]] = field(init=False)
    _deliveries: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # All accounts are one shard.
        counts: dict[ShardKind, int] = {"user": self.user_shards, "room": self.room_shards, "account": 1}
        self._shards = {kind: tuple(subjects.shard(kind, n) for n in range(count)) for kind, count in counts.items()}
        self._shards["archive"] = tuple(map(subjects.archive, range(self.archive_shards)))

    def deliver(self, gateway: str) -> str:
        """The delivery log of a gateway."""
        subject = self._deliveries.get(gateway)
        if subject is None:
            if len(self._deliveries) >= GATEWAYS_MAX:
                self._deliveries.clear()
            subject = self._deliveries[gateway] = subjects.deliver(gateway)
        return subject

    def shard(self, kind: ShardKind, entity: str) -> str:
        """The shard log that `entity` belongs to."""
        numbered = self._shards[kind]
        return numbered[subjects.shard_of(entity, len(numbered))]

    def rooms(self, bits: int) -> tuple[str, ...]:
        """The shard logs that the rooms of `Frame.rooms` belong to, or may belong to."""
        numbered = self._shards["room"]
        count = len(numbered)
        if ROOM_BITS % count:
            # What is left of 64 says nothing then.
            return numbered
        return tuple(numbered[n] for n in sorted({bit % count for bit in range(ROOM_BITS) if bits >> bit & 1}))
