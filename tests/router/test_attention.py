"""Whose messages are taken apart."""

from __future__ import annotations

from typing import Any

import pytest
from natter.bus import plain
from natter.router.attention import Attention, sender

ALICE = "alice@example.com/phone"


def frame(to: str, *, type: str = "chat", by: str = ALICE) -> bytes:
    head = plain.head(to=to, type=type, sender=by, session="s")
    return plain.frame(head, plain.shared(1, 1), None, 1, b"<message", b"/>")


@pytest.mark.parametrize("type", ["", "chat", "x" * 300])
@pytest.mark.parametrize("by", [ALICE, f"{'a' * 200}@example.com/x"])
def test_the_sender_is_read_from_the_bytes(type: str, by: str) -> None:
    assert sender(frame("bob@example.com/x", type=type, by=by)) == by
    head = plain.head(to="bob@example.com/x", type=type, sender=by, session="s")
    assert sender(plain.series(head, plain.shared(1, 1), 1, [3, 4], b"abcdefg")) == by


def test_with_an_archive_everybody_is() -> None:
    attention = Attention(everybody=True)
    assert attention.active and attention.wanted(frame("bob@example.com/x"), "bob@example.com/x")
    assert not Attention().active


def test_both_sides_of_carbons_are(people: Any) -> None:
    attention = Attention()
    with_carbons = people.add("bob@example.com/x", carbons=True)
    attention.changed(None, with_carbons)
    attention.changed(None, people.add("bob@example.com/y", carbons=True))
    assert attention.active
    assert attention.wanted(frame("bob@example.com/z"), "bob@example.com/z")
    assert attention.wanted(frame("carol@example.com/c", by="bob@example.com/q"), "carol@example.com/c")
    assert not attention.wanted(frame("carol@example.com/c"), "carol@example.com/c")
    attention.changed(with_carbons, None)
    assert attention.active
    attention.changed(with_carbons, people.add("bob@example.com/x"))
    assert not attention.active
