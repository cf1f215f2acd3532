"""Bytes as ClickHouse reads them; that it does is seen in test_clickhouse."""

from __future__ import annotations

import numpy as np
import pytest
from nativeblock import columns_of
from natter.storage import native


@pytest.mark.parametrize(("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varint(number: int, data: bytes) -> None:
    assert native.varint(number) == data


def test_strings_count_bytes() -> None:
    assert native.string("é") == b"\x02\xc3\xa9"
    assert native.sparse_strings(4, [(1, "ab"), (3, "c")]) == b"\0\x02ab\0\x01c"
    assert native.sparse_strings(2, []) == b"\0\0"


def test_arrays_say_where_each_ends() -> None:
    found = native.arrays(np.array([2, 0, 1]), np.array([7, 8, 9]), "u8")
    assert found == b"".join(map(native.u64, (2, 2, 3, 7, 8, 9)))


@pytest.mark.parametrize("words", [3, 70_000])
def test_a_block_reads_back(words: int) -> None:
    indexes = np.array([2, 0, words - 1])
    made = native.block(
        3,
        [
            ("n", "UInt32", native.numbers(np.array([1, 2, 3]), "u4")),
            ("w", "LowCardinality(String)", native.low_cardinality([f"w{i}" for i in range(words)], indexes)),
        ],
    )
    assert (made.rows, made.names) == (3, ("n", "w"))
    assert columns_of(made.payload) == {"n": [1, 2, 3], "w": ["w2", "w0", f"w{words - 1}"]}
