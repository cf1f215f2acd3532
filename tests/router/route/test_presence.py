"""Presence: every type to every kind of address."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import BAD_REQUEST, ERROR, Deliver, Hand, HandRooms
from natter.router.route.presence import TYPES
from natter.router.route.view import Hosts

USER = Hand("user", "alice@example.com")
ROOM = Hand("room", "room@conference.example.com")
ROOMS = ("room@conference.example.com", "room@conference.example.com/nick")
ELSEWHERE = ("", "bob@example.com", "bob@example.com/x", "alice@example.com", "example.com", "bob@example.org")


@pytest.mark.parametrize("type", sorted(TYPES - {"error"}))
@pytest.mark.parametrize("to", ELSEWHERE)
def test_it_is_the_work_of_the_sender_s_shard(people: Any, frames: Any, hosts: Hosts, type: str, to: str) -> None:
    people.add("bob@example.com/x")
    assert decide(frames("presence", to, type), people, hosts) == (USER,)


@pytest.mark.parametrize("to", ROOMS)
def test_directed_to_a_room(people: Any, frames: Any, hosts: Hosts, to: str) -> None:
    for type in ("", "unavailable"):
        assert decide(frames("presence", to, type), people, hosts) == (ROOM,)
    for type in sorted(TYPES - {"", "unavailable", "error"}):
        assert decide(frames("presence", to, type), people, hosts) == (USER,)
    assert decide(frames("presence", to, "error"), people, hosts) == (ROOM,)


def test_the_conference_host_has_a_shard_too(people: Any, frames: Any, hosts: Hosts) -> None:
    outcomes = decide(frames("presence", "conference.example.com"), people, hosts)
    assert outcomes == (Hand("room", "conference.example.com"),)


def test_an_error_goes_to_whom_it_is_for(people: Any, frames: Any, hosts: Hosts) -> None:
    bob = people.add("bob@example.com/x", available=False)
    assert decide(frames("presence", bob.jid, "error"), people, hosts) == (Deliver((bob,)),)


@pytest.mark.parametrize("to", [to for to in ELSEWHERE if to != "bob@example.com/x"] + ["bob@example.com/y"])
def test_an_error_to_nobody_is_dropped(people: Any, frames: Any, hosts: Hosts, to: str) -> None:
    people.add("bob@example.com/x")
    assert decide(frames("presence", to, "error"), people, hosts) == ERROR


def test_an_unknown_type(people: Any, frames: Any, hosts: Hosts) -> None:
    assert decide(frames("presence", "", "invisible"), people, hosts) == BAD_REQUEST


def test_the_last_presence_of_a_session(people: Any, frames: Any, hosts: Hosts) -> None:
    assert decide(frames("presence", "", "unavailable", ended=True), people, hosts) == (USER,)


def test_the_rooms_hear_who_is_available_no_more(people: Any, frames: Any, hosts: Hosts) -> None:
    # RFC 6121 §4.6.3
    assert decide(frames("presence", "", "unavailable", rooms=5), people, hosts) == (USER, HandRooms(5))
    assert decide(frames("presence", "", "", rooms=5), people, hosts) == (USER,)
    assert decide(frames("presence", "bob@example.com", "unavailable", rooms=5), people, hosts) == (USER,)
