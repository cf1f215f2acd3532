"""A directory without those that have left."""

from __future__ import annotations

from typing import Any

from natter.router.route.view import Without


def test_without(people: Any) -> None:
    people.add("bob@example.com/a")
    people.add("bob@example.com/b")
    view = Without(people, frozenset({"s-a"}))
    assert view.get("bob@example.com/a") is None
    assert view.get("bob@example.com/b") is people.get("bob@example.com/b")
    assert view.get("bob@example.com/c") is None
    assert list(view.sessions("bob@example.com")) == ["b"]
    assert list(view.sessions("carol@example.com")) == []
