"""The ids of archived messages: a message's number, in a form that only the room can read or make."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

# XEP-0313 §3: an id is unique within the archive and cannot be predicted. A balanced network of keyed rounds over the
# number and as many zeros: whoever has not the room's secret can make no id, and one that was made up shows.
_ROUNDS: Final = 4
_HALF_BYTES: Final = 8
_HEX: Final = 4 * _HALF_BYTES
_LIVES_KEPT_MAX: Final = 4096


def encode(secret: bytes, number: int) -> str:
    """The id of the message with this number."""
    left, right = 0, number
    for place in range(_ROUNDS):
        left, right = right, left ^ _mix(secret, place, right)
    return f"{left:016x}{right:016x}"


def decode(secret: bytes, id: str) -> int:
    """The number of the message with this id; 0 for an id that the room has not made."""
    if len(id) != _HEX:
        return 0
    try:
        raw = bytes.fromhex(id)
    except ValueError:
        return 0
    left, right = int.from_bytes(raw[:_HALF_BYTES], "big"), int.from_bytes(raw[_HALF_BYTES:], "big")
    for place in reversed(range(_ROUNDS)):
        left, right = right ^ _mix(secret, place, left), left
    return right if left == 0 else 0


@lru_cache(maxsize=_LIVES_KEPT_MAX)
def life(secret: bytes) -> str:
    """Names one life of a room: made again under the same name, it has another past."""
    return blake2b(b"life", key=secret, digest_size=8).hexdigest()


def _mix(secret: bytes, place: int, half: int) -> int:
    text = bytes((place,)) + half.to_bytes(_HALF_BYTES, "big")
    return int.from_bytes(blake2b(text, key=secret, digest_size=_HALF_BYTES).digest(), "big")
