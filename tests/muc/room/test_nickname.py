"""Nicknames that look alike are one; invisible ones are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.muc.room import nickname


@pytest.mark.parametrize(
    ("one", "other"), [("Alice", "alice"), ("al  ice ", "Al ice"), ("Ａlice", "alice"), ("Å", "å")]
)
def test_these_are_the_same(one: str, other: str) -> None:
    assert nickname.key(one) == nickname.key(other)


def test_case_is_kept_and_spaces_are_trimmed() -> None:
    assert nickname.shown("  The  ♚ ") == "The ♚"


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u3000", "a\nb"])
def test_these_are_no_nicknames(text: str) -> None:
    with pytest.raises(nickname.NicknameError):
        nickname.shown(text)
    assert nickname.stored_key(text) == text


@given(st.text(max_size=30))
def test_what_is_shown_is_stable(text: str) -> None:
    try:
        shown = nickname.shown(text)
    except nickname.NicknameError:
        return
    assert nickname.shown(shown) == shown
    assert nickname.stored_key(shown)
