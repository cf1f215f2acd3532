"""RFC 6121 §8.5.4, row by row: what may become of a message, and what becomes of it here, with and without storage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import Bounce, Deliver, Drop, Keep
from natter.router.route.view import Hosts

BARE = "bob@example.com"
TYPES = ("normal", "chat", "groupchat", "headline", "error")

# The account's resources as (name, priority), by the table's conditions. Who is not available has no priority.
CONDITIONS: dict[str, tuple[tuple[str, int | None], ...]] = {
    "no active resources": (("here", None),),
    "negative only": (("here", -1), ("low", -128)),
    "one non-negative": (("here", 0), ("low", -1)),
    "more non-negative": (("here", 5), ("desk", 5), ("lower", 1), ("low", -1)),
}
# O: stored, E: an error, S: silently ignored, D: delivered to that resource, M: to the most available, A: to all that
# are not negative. In the order of TYPES.
ROWS = {
    ("no active resources", "bare"): ("OE", "OE", "E", "S", "S"),
    ("no active resources", "gone"): ("SE", "OES", "SE", "SE", "S"),
    ("negative only", "bare"): ("OE", "OE", "E", "S", "S"),
    ("negative only", "here"): ("D", "D", "D", "D", "D"),
    ("negative only", "gone"): ("SE", "OES", "SE", "SE", "S"),
    ("one non-negative", "bare"): ("D", "D", "E", "D", "S"),
    ("one non-negative", "here"): ("D", "D", "D", "D", "D"),
    ("one non-negative", "gone"): ("SE", "D", "SE", "SE", "S"),
    ("more non-negative", "bare"): ("MA", "MA", "E", "A", "S"),
    ("more non-negative", "here"): ("D", "D", "D", "D", "D"),
    ("more non-negative", "gone"): ("SE", "MA", "SE", "SE", "S"),
}
ADDRESSES = {"bare": BARE, "here": f"{BARE}/here", "gone": f"{BARE}/gone"}
CASES = [(condition, to, type) for condition, to in ROWS for type in TYPES]


def letter(outcome: Any) -> str:
    """What became of it, in the table's letters."""
    match outcome:
        case Keep(owners=(), waits="bob@example.com"):
            return "O"
        case Bounce("service-unavailable"):
            return "E"
        case Drop():
            return "S"
        case Deliver(sessions):
            got = {session.resource for session in sessions}  # type: ignore[attr-defined]
            if got == {"here"}:
                return "D"
            return {("desk", "here"): "M", ("desk", "here", "lower"): "A"}[tuple(sorted(got))]
    raise AssertionError(outcome)


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize(("condition", "to", "type"), CASES)
def test_rows(people: Any, frames: Any, hosts: Hosts, condition: str, to: str, type: str, offline: bool) -> None:
    for name, priority in CONDITIONS[condition]:
        people.add(f"{BARE}/{name}", available=priority is not None, priority=priority or 0)
    [outcome] = decide(frames("message", ADDRESSES[to], type), people, replace(hosts, offline=offline))
    found = letter(outcome)
    allowed = ROWS[condition, to][TYPES.index(type)]
    assert found in allowed
    # Of two allowed ways: what can be stored is stored, where not, the sender is told; headlines for nobody are not
    # worth a word, and what is for all is for the most available.
    if allowed == "SE":
        assert found == ("S" if type == "headline" else "E")
    elif "O" in allowed:
        assert found == ("O" if offline else "E")
    elif allowed == "MA":
        assert found == "M"


def test_every_row_is_there() -> None:
    there = {"negative only", "one non-negative", "more non-negative"}
    assert set(ROWS) == {(c, to) for c in CONDITIONS for to in ("bare", "gone")} | {(c, "here") for c in there}


@pytest.mark.parametrize("type", ["", "unheard-of"])
@pytest.mark.parametrize(("condition", "to"), ROWS)
def test_what_has_no_type_is_normal(people: Any, frames: Any, hosts: Hosts, condition: str, to: str, type: str) -> None:
    """RFC 6121 §5.2.2."""
    for name, priority in CONDITIONS[condition]:
        people.add(f"{BARE}/{name}", available=priority is not None, priority=priority or 0)
    normal = decide(frames("message", ADDRESSES[to], "normal"), people, hosts)
    assert decide(frames("message", ADDRESSES[to], type), people, hosts) == normal
