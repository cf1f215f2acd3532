"""Messages: every row of RFC 6121 §8.5.4, and the addresses that are nobody's."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.message import most_available, refuse
from natter.router.route.outcome import Bounce, Deliver, Drop, Hand
from natter.router.route.view import Hosts

TYPES = ("", "normal", "chat", "groupchat", "headline", "error", "unheard-of")
BARE, FULL, OTHER = "bob@example.com", "bob@example.com/here", "bob@example.com/gone"
ERROR, SILENT = "service-unavailable", "dropped"

# Condition of the account -> its resources as (name, available, priority).
RESOURCES: dict[str, tuple[tuple[str, bool, int], ...]] = {
    "nobody": (),
    "connected": (("here", False, 0),),
    "negative": (("here", True, -1), ("low", True, -5)),
    "one": (("here", True, 0),),
    "one and negative": (("here", True, 3), ("minus", True, -1)),
    "two, one better": (("here", True, 5), ("desk", True, 1)),
    "two alike": (("here", True, 5), ("desk", True, 5), ("low", True, 4), ("off", False, 9)),
}
# Condition -> who gets what was for the bare JID: normal, chat and what is unknown; headline.
BARE_ROWS = {
    "nobody": ((), ()),
    "connected": ((), ()),
    "negative": ((), ()),
    "one": (("here",), ("here",)),
    "one and negative": (("here",), ("here",)),
    "two, one better": (("here",), ("here", "desk")),
    "two alike": (("here", "desk"), ("here", "desk", "low")),
}


def account(people: Any, condition: str) -> None:
    for name, available, priority in RESOURCES[condition]:
        people.add(f"{BARE}/{name}", available=available, priority=priority)


def seen(people: Any, frame: Any, hosts: Hosts) -> Any:
    """The one outcome: resources that get it, a condition, or SILENT."""
    (outcome,) = decide(frame, people, hosts)
    match outcome:
        case Deliver(sessions):
            return tuple(s.resource for s in sessions)  # type: ignore[attr-defined]
        case Bounce(condition):
            return condition
        case Drop():
            return SILENT
        case other:
            return other


@pytest.mark.parametrize("condition", RESOURCES)
@pytest.mark.parametrize("type", TYPES)
def test_to_a_bare_jid(people: Any, frames: Any, hosts: Hosts, condition: str, type: str) -> None:
    account(people, condition)
    most, everybody = BARE_ROWS[condition]
    expected = {
        "groupchat": ERROR,
        "error": SILENT,
        "headline": everybody or SILENT,
    }.get(type, most or ERROR)
    assert seen(people, frames("message", BARE, type), hosts) == expected


@pytest.mark.parametrize("condition", [c for c, rows in RESOURCES.items() if rows])
@pytest.mark.parametrize("type", TYPES)
def test_to_a_full_jid_that_is_there(people: Any, frames: Any, hosts: Hosts, condition: str, type: str) -> None:
    account(people, condition)
    assert seen(people, frames("message", FULL, type), hosts) == ("here",)


@pytest.mark.parametrize("condition", RESOURCES)
@pytest.mark.parametrize("type", TYPES)
def test_to_a_full_jid_that_is_not_there(people: Any, frames: Any, hosts: Hosts, condition: str, type: str) -> None:
    account(people, condition)
    expected = {
        "chat": BARE_ROWS[condition][0] or ERROR,
        "headline": SILENT,
        "error": SILENT,
    }.get(type, ERROR)
    assert seen(people, frames("message", OTHER, type), hosts) == expected


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("to", ["", "alice@example.com"])
def test_to_oneself(people: Any, frames: Any, hosts: Hosts, type: str, to: str) -> None:
    people.add("alice@example.com/desk", priority=1)
    expected = {"groupchat": ERROR, "error": SILENT, "headline": ("phone", "desk")}.get(type, ("desk",))
    assert seen(people, frames("message", to, type), hosts) == expected


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("to", ["example.com", "example.com/x"])
def test_to_the_server(people: Any, frames: Any, hosts: Hosts, type: str, to: str) -> None:
    expected = SILENT if type in ("headline", "error") else ERROR
    assert seen(people, frames("message", to, type), hosts) == expected


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("to", ["example.org", "bob@example.org", "bob@example.org/x", "sub.example.com"])
def test_to_another_server(people: Any, frames: Any, hosts: Hosts, type: str, to: str) -> None:
    expected = SILENT if type == "error" else "remote-server-not-found"
    assert seen(people, frames("message", to, type), hosts) == expected


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    ("to", "entity"),
    [
        ("conference.example.com", "conference.example.com"),
        ("room@conference.example.com", "room@conference.example.com"),
        ("room@conference.example.com/nick", "room@conference.example.com"),
    ],
)
def test_to_a_room(people: Any, frames: Any, hosts: Hosts, type: str, to: str, entity: str) -> None:
    assert decide(frames("message", to, type), people, hosts) == (Hand("room", entity),)


def test_most_available(people: Any) -> None:
    account(people, "two alike")
    assert [s.resource for s in most_available(people.sessions(BARE).values())] == ["here", "desk"]  # type: ignore[attr-defined]
    assert most_available(()) == ()


def test_an_error_is_never_refused() -> None:
    assert refuse("error") == (Drop("error"),)
