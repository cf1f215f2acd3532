"""Rows of stanza metadata, from the columns that travelled to the columns of the table. A measured hot path.

A row is one write: a stanza to one, or a broadcast to many, whose further recipients stand in `others`. The view
`stanza_rows` shows one row per recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from . import native
from .native import Array, Block

TABLE = "stanza_events"
WORD: Final = "LowCardinality(String)"
# Words in their own dictionary each, which grows with an insert and ends with it.
WORDS: Final = ("type", "outcome", "transport")
KINDS: Final = "Enum8('unknown' = 0, 'message' = 1, 'presence' = 2, 'iq' = 3)"
DIRECTIONS: Final = "Enum8('in' = 0, 'out' = 1)"
# Columns of numbers: name, type in the table, width.
NUMBERS: Final = (
    ("time", "DateTime64(6, 'UTC')", "u8"),
    ("kind", KINDS, "u1"),
    ("direction", DIRECTIONS, "u1"),
    ("from_hash", "UInt64", "u8"),
    ("to_hash", "UInt64", "u8"),
    ("room_hash", "UInt64", "u8"),
    ("bytes", "UInt32", "u4"),
    ("latency_us", "UInt32", "u4"),
    ("sequence", "UInt64", "u8"),
)
# natter.v1.Kind as the table's Enum8 has it; what a later version adds stands as unknown. Any direction but 0 is out.
KNOWN_KINDS: Final = bytes(k if k <= 3 else 0 for k in range(256))
KNOWN_DIRECTIONS: Final = bytes(min(d, 1) for d in range(256))


class Facts(Protocol):
    """natter.v1.StanzaFacts: fixed-width columns and the names they point to."""

    instance: str
    sequence: int
    rows: int
    time_us: bytes
    kind: bytes
    direction: bytes
    type: bytes
    outcome: bytes
    transport: bytes
    sender: bytes
    to: bytes
    size: bytes
    latency_us: bytes
    traced: bytes
    others: bytes
    others_to: bytes
    alike: bytes

    @property
    def trace_id(self) -> Sequence[str]:
        """Of the rows in `traced`."""

    @property
    def names(self) -> Sequence[str]:
        """What indexes point to."""


class Malformed(ValueError):
    """Columns of different length, or an index to nowhere."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How JIDs become columns: `number` is the keyed hash of one, `rooms` is the suffix of rooms' domains."""

    number: Callable[[str], int]
    epoch: int
    domain: str
    rooms: str


@dataclass(frozen=True, slots=True)
class Part:
    """One batch as columns of the table, by name. `others`: how many, and their hashes."""

    rows: int
    numbers: dict[str, Array]
    words: dict[str, tuple[list[str], Array]]
    instance: str
    traces: list[tuple[int, str]]
    others: tuple[Array, Array]


@dataclass(slots=True)
class Rows:
    """Batches that are gathered until they are inserted."""

    parts: list[Part] = field(default_factory=list)
    # Recipients of broadcasts beyond the first of each.
    others: int = 0
    _rows: int = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def stanzas(self) -> int:
        """Rows, one for every recipient."""
        return self._rows + self.others

    def extend(self, facts: Facts, naming: Naming) -> None:
        """Append a batch. Raises Malformed, and then nothing was appended."""
        part = part_of(facts, naming)
        self.parts.append(part)
        self._rows += part.rows
        self.others += len(part.others[1])

    def block(self, naming: Naming) -> Block:
        """All of them as one block."""
        count, parts = self._rows, self.parts
        constant = np.zeros(count, "u2")
        columns = [
            (name, type_, native.numbers(joined([p.numbers[name] for p in parts]), code))
            for name, type_, code in NUMBERS
        ]
        columns += [(name, WORD, merged([p.words[name] for p in parts])) for name in WORDS]
        columns.append(("instance", WORD, merged([([p.instance], np.zeros(p.rows, "u2")) for p in parts])))
        columns.append(("domain", WORD, native.low_cardinality([naming.domain], constant)))
        columns.append(("key_epoch", "UInt32", native.numbers(np.full(count, naming.epoch), "u4")))
        traces = []
        first = 0
        for part in parts:
            traces += [(first + row, trace) for row, trace in part.traces]
            first += part.rows
        columns.append(("trace_id", "String", native.sparse_strings(count, traces)))
        lengths, hashes = joined([p.others[0] for p in parts]), joined([p.others[1] for p in parts])
        columns.append(("others", "Array(UInt64)", native.arrays(lengths, hashes, "u8")))
        return native.block(count, columns)


def part_of(facts: Facts, naming: Naming) -> Part:
    """A batch's columns. Times stay microseconds since 1970: a number has no time zone to get wrong."""
    words = list(facts.names)
    # A hash per name, not per row.
    hashes = np.array([naming.number(word) if "@" in word else 0 for word in words], "u8")
    try:
        alike = column(facts.alike, "u2") if facts.alike else None
        entries = facts.rows if alike is None else len(alike)
        sender, to = column(facts.sender, "u2", entries), column(facts.to, "u2", entries)
        others = others_of(facts, hashes, entries)
        columns = {
            "time": column(facts.time_us, "u8", entries),
            "kind": column(facts.kind.translate(KNOWN_KINDS), "u1", entries),
            "direction": column(facts.direction.translate(KNOWN_DIRECTIONS), "u1", entries),
            "from_hash": hashes[sender],
            "to_hash": hashes[to],
            "room_hash": rooms_of(words, hashes, naming.rooms, sender, to),
            "latency_us": column(facts.latency_us, "u4", entries),
        }
        found = {name: words_of(words, column(getattr(facts, name), "u2", entries)) for name in WORDS}
        traces = list(zip(column(facts.traced, "u2").tolist(), facts.trace_id, strict=True))
        if any(
            row >= entries or row <= last for (row, _), last in zip(traces, [-1, *(r for r, _ in traces)], strict=False)
        ):
            raise ValueError("traces out of order")
        if alike is not None:
            # Each entry is several rows from here on.
            alone = alone_of(alike)
            if any(row >= alone for row, _ in traces) or others[0][alone:].any():
                raise ValueError("alike, and not in everything")
            columns = {name: np.repeat(values, alike) for name, values in columns.items()}
            found = {name: (used, np.repeat(indexes, alike)) for name, (used, indexes) in found.items()}
            others = np.repeat(others[0], alike), others[1]
        count = len(columns["time"])
        if count != facts.rows:
            raise ValueError("columns of different length")
        columns["bytes"] = column(facts.size, "u4", count)
        before = np.cumsum(others[0]) - others[0]
        columns["sequence"] = np.arange(facts.sequence, facts.sequence + count, dtype="u8") + before
    except (IndexError, ValueError) as error:
        raise Malformed(str(error)) from error
    return Part(count, columns, found, facts.instance, traces, others)


def alone_of(alike: Array) -> int:
    """How many entries stand before the first that is several rows, or none."""
    several = np.flatnonzero(alike != 1)
    return int(several[0]) if len(several) else len(alike)


def others_of(facts: Facts, hashes: Array, entries: int) -> tuple[Array, Array]:
    """How many further recipients each entry has, and all their hashes."""
    lengths = column(facts.others, "u4", entries) if facts.others else np.zeros(entries, "u4")
    values = hashes[column(facts.others_to, "u2", int(lengths.sum()))]
    return lengths.astype("u8"), values


def rooms_of(words: list[str], hashes: Array, suffix: str, sender: Array, to: Array) -> Array:
    """The room of each row: whichever of its ends is one."""
    # Of the domain's rooms only; a conference host itself has no hash.
    rooms = np.where([word.endswith(suffix) for word in words], hashes, 0).astype("u8")
    return np.where(rooms[to], rooms[to], rooms[sender])


def words_of(words: list[str], indexes: Array) -> tuple[list[str], Array]:
    """The words that a column uses, and where each row points among them."""
    if len(indexes) and int(indexes.max()) >= len(words):
        raise IndexError("a word that is not there")
    used = np.flatnonzero(np.bincount(indexes, minlength=len(words)))
    place = np.zeros(len(words), "u2")
    place[used] = np.arange(len(used))
    return [words[i] for i in used.tolist()], place[indexes]


def column(data: bytes, code: str, count: int | None = None) -> Array:
    """A column as it travelled. Raises ValueError where it is not `count` numbers."""
    values: Array = np.frombuffer(data, f"<{code}")
    if count is not None and len(values) != count:
        raise ValueError("columns of different length")
    return values


def joined(columns: list[Array]) -> Array:
    """One column of many."""
    return np.concatenate(columns) if columns else np.zeros(0, "u8")


def merged(columns: list[tuple[list[str], Array]]) -> bytes:
    """Columns of words, each with its own dictionary, as one."""
    dictionary: dict[str, int] = {}
    places = []
    for words, indexes in columns:
        place = np.array([dictionary.setdefault(word, len(dictionary)) for word in words], "u4")
        places.append(place[indexes])
    return native.low_cardinality(list(dictionary), joined(places))
