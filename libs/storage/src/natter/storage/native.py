"""Columns in ClickHouse's Native format, made of numpy arrays: nothing here loops over rows. A measured hot path.

The format is a row count, and of each column its name, its type and its values one after another. A server takes it as
it takes any other; the embedded engine reads it without a copy per value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

# LowCardinality: keys and indexes stand in the block itself; below them, the width of an index.
_SHARED_DICTIONARIES = 1
_ADDITIONAL_KEYS = 1 << 9
_U16, _U32 = 1, 2


@dataclass(frozen=True, slots=True)
class Block:
    """Rows on their way: names of columns, and the bytes."""

    rows: int
    names: tuple[str, ...]
    payload: bytes


def block(rows: int, columns: Sequence[tuple[str, str, bytes]]) -> Block:
    """A block of (name, type, values) columns."""
    parts = [varint(len(columns)), varint(rows)]
    for name, type_, values in columns:
        parts += (string(name), string(type_), values)
    return Block(rows, tuple(name for name, _, _ in columns), b"".join(parts))


def numbers(values: Array, code: str) -> bytes:
    """Fixed-width little-endian numbers; `code` as numpy has it: u1, u4, u8."""
    return values.astype(f"<{code}", copy=False).tobytes()


def low_cardinality(words: Sequence[str], indexes: Array) -> bytes:
    """LowCardinality(String): every word once, and for each row which."""
    if not len(indexes):
        return b""
    kind, code = (_U16, "u2") if len(words) < 1 << 16 else (_U32, "u4")
    return b"".join(
        (
            u64(_SHARED_DICTIONARIES),
            u64(kind | _ADDITIONAL_KEYS),
            u64(len(words)),
            *map(string, words),
            u64(len(indexes)),
            numbers(indexes, code),
        )
    )


def sparse_strings(rows: int, set_rows: Iterable[tuple[int, str]]) -> bytes:
    """String: empty but for the (row, string) that are given, in rising order of rows."""
    parts: list[bytes] = []
    next_row = 0
    for row, value in set_rows:
        parts += (bytes(row - next_row), string(value))
        next_row = row + 1
    parts.append(bytes(rows - next_row))
    return b"".join(parts)


def arrays(lengths: Array, values: Array, code: str) -> bytes:
    """Array of numbers: where each row's values end, then all values."""
    return numbers(np.cumsum(lengths, dtype="u8"), "u8") + numbers(values, code)


def string(text: str) -> bytes:
    """A string with its length before it."""
    data = text.encode()
    return varint(len(data)) + data


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def u64(number: int) -> bytes:
    """Eight bytes."""
    return number.to_bytes(8, "little")
