"""Blocks in ClickHouse's Native format for tests: made of lists, and read back."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from natter.storage import native
from natter.storage.stanza_events import NUMBERS, WORD

CODES = {"UInt64": "Q", "UInt32": "I", "Enum8": "B", "DateTime64": "Q"}


def block_of(rows: int, values: dict[str, Any]) -> native.Block:
    """`rows` rows of stanza_events; a value that is no list stands in all of them."""
    lists = {name: value if isinstance(value, list) else [value] * rows for name, value in values.items()}
    types = {name: (type_, code) for name, type_, code in NUMBERS} | {"key_epoch": ("UInt32", "u4")}
    columns = []
    for name, values_ in lists.items():
        if name == "others":
            lengths, flat = np.array([len(o) for o in values_]), np.array([h for o in values_ for h in o], "u8")
            columns.append((name, "Array(UInt64)", native.arrays(lengths, flat, "u8")))
        elif name in types:
            type_, code = types[name]
            columns.append((name, type_, native.numbers(np.array(values_, code), code)))
        elif name == "trace_id":
            columns.append((name, "String", b"".join(map(native.string, values_))))
        else:
            words = sorted(set(values_))
            columns.append((name, WORD, native.low_cardinality(words, np.array([words.index(v) for v in values_]))))
    return native.block(rows, columns)


def columns_of(payload: bytes) -> dict[str, list[Any]]:
    """Columns by name."""
    reader = Reader(payload)
    width, rows = reader.varint(), reader.varint()
    columns = {}
    for _ in range(width):
        name, type_ = reader.text(), reader.text()
        columns[name] = reader.column(type_, rows)
    assert reader.at == len(payload), "more than the columns"
    return columns


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def text(self) -> str:
        size = self.varint()
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def numbers(self, code: str, count: int) -> list[int]:
        size = struct.calcsize(f"<{code}") * count
        self.at += size
        return list(struct.unpack(f"<{count}{code}", self.data[self.at - size : self.at]))

    def column(self, type_: str, rows: int) -> list[Any]:
        if type_ == "String":
            return [self.text() for _ in range(rows)]
        if type_ == "LowCardinality(String)":
            return self.words(rows)
        if type_ == "Array(UInt64)":
            ends = self.numbers("Q", rows)
            values = self.numbers("Q", ends[-1] if ends else 0)
            return [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return self.numbers(CODES[type_.partition("(")[0]], rows)

    def words(self, rows: int) -> list[str]:
        if not rows:
            return []
        version, kind = self.numbers("Q", 2)
        assert version == 1 and kind & ~0xFF == 1 << 9
        words = [self.text() for _ in range(self.numbers("Q", 1)[0])]
        [count] = self.numbers("Q", 1)
        assert count == rows
        return [words[i] for i in self.numbers({1: "H", 2: "I"}[kind & 0xFF], count)]
