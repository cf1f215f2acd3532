"""Unfinished tokens: what is refused at once, and where a held tag ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp.stream.tokens import HeldToken, verdict


@pytest.mark.parametrize(
    ("token", "first", "expected"),
    [
        (b"<", False, ""),
        (b"<!", False, ""),
        (b"<!-", False, "restricted-xml"),
        (b"<!-- never ends", True, "restricted-xml"),
        (b"<!DOCTYPE x", True, "restricted-xml"),
        (b"<![CDA", False, ""),
        (b"<?", False, "restricted-xml"),
        (b"<?", True, ""),
        (b"<?xml ver", True, ""),
        (b"<?php", True, "restricted-xml"),
        (b"<?xml ver", False, "restricted-xml"),
        (b"&am", False, ""),
        (b"&" + b"a" * 40, False, "restricted-xml"),
        (b"<message a='", False, ""),
        (b"\xc3", False, ""),
    ],
)
def test_verdict(token: bytes, first: bool, expected: str) -> None:
    assert verdict(token, first=first) == expected


@pytest.mark.parametrize("tag", [b"<a b='1' c=\"2\">", b"<a b='>\"' c='>>'>", b"</a   >", b"<a>"])
def test_a_held_tag_ends_at_its_end_only(tag: bytes) -> None:
    held = HeldToken(10)
    assert [held.add(tag[i : i + 1]) for i in range(len(tag))] == [False] * (len(tag) - 1) + [True]
    assert held.take() == tag
    assert held.size == len(tag)


@given(st.lists(st.sampled_from([b"a='>'", b'b=">>"', b"c='\"'", b" ", b"x"])), st.data())
def test_pieces_do_not_matter(parts: list[bytes], data: st.DataObject) -> None:
    tag = b"<a " + b" ".join(parts)
    cut = data.draw(st.integers(0, len(tag)))
    held = HeldToken(100)
    assert not held.scan(tag[:cut])
    assert not held.add(tag[cut:])
    assert held.take() == tag[cut:]
    assert held.add(b"/> <b>")


def test_too_many_values() -> None:
    held = HeldToken(2)
    assert not held.add(b"<a b='1' c=\"2\" ")
    with pytest.raises(OverflowError):
        held.add(b"d='")
