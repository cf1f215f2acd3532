"""Rows of stanza metadata, from the columns that travelled to the columns of the table."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

TABLE = "stanza_events"
COLUMNS = (
    "time",
    "kind",
    "type",
    "direction",
    "domain",
    "transport",
    "outcome",
    "from_hash",
    "to_hash",
    "room_hash",
    "bytes",
    "latency_us",
    "instance",
    "trace_id",
    "key_epoch",
    "sequence",
)
# natter.v1.Kind as the table's Enum8 has it; what a later version adds stands as unknown. Any direction but 0 is out.
KNOWN_KINDS = bytes(k if k <= 3 else 0 for k in range(256))
KNOWN_DIRECTIONS = bytes(min(d, 1) for d in range(256))


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


@dataclass(slots=True)
class Rows:
    """Columns that grow until they are inserted."""

    columns: list[list[Any]] = field(default_factory=lambda: [[] for _ in COLUMNS])

    def __len__(self) -> int:
        return len(self.columns[0])

    def extend(self, facts: Facts, naming: Naming) -> None:
        """Append a batch. Raises Malformed, and then nothing was appended."""
        added = columns_of(facts, naming)
        for column, more in zip(self.columns, added, strict=True):
            column += more


def columns_of(facts: Facts, naming: Naming) -> list[list[Any]]:
    """The table's columns. Times stay microseconds since 1970: a number has no time zone to get wrong."""
    words = list(facts.names)
    # A hash per name, not per row.
    hashes = [naming.number(word) if "@" in word else 0 for word in words]
    rooms = [h if h and word.endswith(naming.rooms) else 0 for h, word in zip(hashes, words, strict=True)]
    count = facts.rows
    try:
        sender, to = u16(facts.sender), u16(facts.to)
        trace_ids = [""] * count
        for row, trace in zip(u16(facts.traced), facts.trace_id, strict=True):
            trace_ids[row] = trace
        columns: list[list[Any]] = [
            array("Q", facts.time_us).tolist(),
            list(facts.kind.translate(KNOWN_KINDS)),
            list(map(words.__getitem__, u16(facts.type))),
            list(facts.direction.translate(KNOWN_DIRECTIONS)),
            list(repeat(naming.domain, count)),
            list(map(words.__getitem__, u16(facts.transport))),
            list(map(words.__getitem__, u16(facts.outcome))),
            list(map(hashes.__getitem__, sender)),
            list(map(hashes.__getitem__, to)),
            [rooms[t] or rooms[s] for t, s in zip(to, sender, strict=True)] if any(rooms) else [0] * count,
            array("I", facts.size).tolist(),
            array("I", facts.latency_us).tolist(),
            list(repeat(facts.instance, count)),
            trace_ids,
            list(repeat(naming.epoch, count)),
            list(range(facts.sequence, facts.sequence + count)),
        ]
    except (IndexError, ValueError) as error:
        raise Malformed(str(error)) from error
    if any(len(column) != count for column in columns):
        raise Malformed("columns of different length")
    return columns


def u16(column: bytes) -> array[int]:
    """A column of little-endian u16."""
    return array("H", column)
