"""Frames that came back from a session that had left."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import LEFT, UNAVAILABLE, Deliver, Drop
from natter.router.route.returned import COPIED
from natter.router.route.view import Hosts

HERE = "bob@example.com/here"


def test_routed_again_as_if_the_session_had_never_been(people: Any, frames: Any, hosts: Hosts) -> None:
    bob = people.add(HERE)
    frame = frames("message", HERE, "chat", returned=1)
    # The replica still shows it and nobody says who left (an older gateway): it is tried again.
    assert decide(frame, people, hosts) == (Deliver((bob,)),)
    # Named, it is not: chat goes to the bare JID.
    frame.sessions.append(bob.session)
    assert decide(frame, people, hosts) == UNAVAILABLE
    desk = people.add("bob@example.com/desk")
    assert decide(frame, people, hosts) == (Deliver((desk,)),)


def test_who_has_left_is_left_out_for_a_bare_address_too(people: Any, frames: Any, hosts: Hosts) -> None:
    gone, desk = people.add(HERE), people.add("bob@example.com/desk")
    frame = frames("message", "bob@example.com", "chat", returned=1)
    frame.sessions.append(gone.session)
    assert decide(frame, people, hosts) == (Deliver((desk,)),)
    frame.sessions.append(desk.session)
    assert decide(frame, people, hosts) == UNAVAILABLE


@pytest.mark.parametrize(
    ("type", "outcomes"),
    [
        ("", UNAVAILABLE),
        ("chat", UNAVAILABLE),
        ("groupchat", UNAVAILABLE),
        ("headline", (Drop("headline"),)),
        ("error", (Drop("error"),)),
    ],
)
def test_given_up_after_a_while(people: Any, frames: Any, hosts: Hosts, type: str, outcomes: object) -> None:
    people.add(HERE)
    assert isinstance(decide(frames("message", HERE, type, returned=5), people, hosts)[0], Deliver)
    assert decide(frames("message", HERE, type, returned=6), people, hosts) == outcomes


def test_requests_are_given_up_too(people: Any, frames: Any, hosts: Hosts) -> None:
    people.add(HERE)
    for type, outcomes in (("get", UNAVAILABLE), ("set", UNAVAILABLE), ("result", LEFT), ("error", LEFT)):
        assert decide(frames.query("{urn:x}q", HERE, type, returned=6), people, hosts) == outcomes


def test_what_a_service_had_sent_concerned_that_session_alone(people: Any, frames: Any, hosts: Hosts) -> None:
    people.add("bob@example.com/desk")
    frame = frames("message", HERE, "chat", sender="room@conference.example.com/nick", session="", returned=1)
    assert decide(frame, people, hosts) == LEFT


def test_a_copy_is_not_made_twice(people: Any, frames: Any, hosts: Hosts) -> None:
    people.add("bob@example.com/desk", bound_us=500)
    frame = frames("message", "bob@example.com", "chat", returned=1, traits=COPIED)
    # The desk got its copy: it was there when the frame was accepted.
    assert decide(frame, people, hosts) == LEFT


def test_who_came_later_got_no_copy(people: Any, frames: Any, hosts: Hosts) -> None:
    desk = people.add("bob@example.com/desk", bound_us=2_000)
    frame = frames("message", "bob@example.com", "chat", returned=1, traits=COPIED)
    assert decide(frame, people, hosts) == (Deliver((desk,)),)


def test_who_had_a_lower_priority_got_no_copy(people: Any, frames: Any, hosts: Hosts) -> None:
    desk = people.add("bob@example.com/desk", priority=-0, bound_us=500)
    frame = frames("message", "bob@example.com", "chat", returned=1)
    assert decide(frame, people, hosts) == (Deliver((desk,)),)


def test_nobody_left_of_those_who_got_copies(people: Any, frames: Any, hosts: Hosts) -> None:
    frame = frames("message", "bob@example.com", "chat", returned=1, traits=COPIED)
    assert decide(frame, people, hosts) == UNAVAILABLE
