"""Nicknames that people cannot tell apart."""

from __future__ import annotations

import pytest
from natter.muc.room import lookalike


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("paypal", "раураl", True),  # Cyrillic
        ("scope", "ѕсоре", True),
        ("admin", "adrnin", True),
        ("l0l", "101", True),
        ("alice", "alice", True),
        ("alice", "bob", False),
        ("anna", "hanna", False),
    ],
)
def test_what_looks_alike(one: str, two: str, alike: bool) -> None:
    assert (lookalike.skeleton(one) == lookalike.skeleton(two)) is alike


def test_lookalikes_are_refused_where_that_is_set(stage) -> None:
    made = stage(lookalikes_refused=True)
    made.coven()
    assert made.join(made.hecate, "firѕtwitch").error(made.hecate) == "conflict"
    assert made.join("crone1@shakespeare.lit/phone", "firѕtwitch").events == ["occupant_joined"]
    made.join(made.hecate, "hecate")
    renamed = made.send(f"<presence from='{made.hecate}' to='{made.room.jid}/sесondwitch'/>")
    assert renamed.error(made.hecate) == "conflict"
    made.admin(made.crone, "<item affiliation='member' jid='away@d' nick='puck'/>")
    assert made.join("x@d/r", "рuсk").error("x@d/r") == "conflict"


def test_and_nowhere_else(coven) -> None:
    assert coven.join(coven.hecate, "firѕtwitch").events == ["occupant_joined"]
