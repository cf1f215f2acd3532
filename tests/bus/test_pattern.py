"""Subject patterns."""

from __future__ import annotations

import pytest
from natter.bus.pattern import is_literal, matcher, matches


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.>", "a", False),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c.d", True),
        (">", "a", True),
        ("a.*.>", "a.b", False),
        ("a.*.>", "a.b.c", True),
    ],
)
def test_matches(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected
    assert matcher((pattern,))(subject) is expected


def test_literal() -> None:
    assert is_literal("a.b")
    assert not is_literal("a.*")
    assert not is_literal("a.>")


def test_matcher_of_several() -> None:
    wanted = matcher(("a.b", "c.>"))
    assert [s for s in ("a.b", "a.c", "c", "c.d") if wanted(s)] == ["a.b", "c.d"]
