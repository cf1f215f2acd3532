"""IQs: every type to every kind of address; payloads that somebody here understands."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import ANSWERS, decide
from natter.router.route.iq import LAST, REGISTER, ROSTER
from natter.router.route.outcome import ANSWER, NO_SUCH_SERVER, UNASKED, UNAVAILABLE, Deliver, Hand
from natter.router.route.view import Hosts

ALL = ("get", "set", "result", "error")
REQUESTS = ("get", "set")
ALICE = Hand("user", "alice@example.com")
UNKNOWN = "{urn:unknown}query"
PING = "{urn:xmpp:ping}ping"


@pytest.mark.parametrize("type", ALL)
@pytest.mark.parametrize("available", [True, False])
def test_to_a_session(people: Any, frames: Any, hosts: Hosts, type: str, available: bool) -> None:
    bob = people.add("bob@example.com/x", available=available, priority=-1)
    assert decide(frames.query(UNKNOWN, bob.jid, type), people, hosts) == (Deliver((bob,)),)


def test_nobody_pushes_a_roster_to_somebody_else(people: Any, frames: Any, hosts: Hosts) -> None:
    bob = people.add("bob@example.com/x")
    assert decide(frames.query(ROSTER, bob.jid, "set"), people, hosts) == UNAVAILABLE
    # XEP-0144 and gateways ask each other for rosters: that is a question.
    assert decide(frames.query(ROSTER, bob.jid, "get"), people, hosts) == (Deliver((bob,)),)


@pytest.mark.parametrize(
    ("to", "refused"),
    [
        ("bob@example.com/gone", UNAVAILABLE),
        ("bob@example.com", UNAVAILABLE),
        ("nobody@example.com", UNAVAILABLE),
        ("bob@example.org", NO_SUCH_SERVER),
        ("example.org", NO_SUCH_SERVER),
        ("", UNAVAILABLE),
        ("alice@example.com", UNAVAILABLE),
        ("example.com", UNAVAILABLE),
        ("example.com/x", UNAVAILABLE),
    ],
)
def test_nobody_there_or_nobody_who_understands(
    people: Any, frames: Any, hosts: Hosts, to: str, refused: object
) -> None:
    people.add("bob@example.com/x")
    for type in REQUESTS:
        assert decide(frames.query(UNKNOWN, to, type), people, hosts) == refused
    for type in ("result", "error"):
        assert decide(frames.query(UNKNOWN, to, type), people, hosts) == UNASKED
        assert decide(frames.query(PING, to, type), people, hosts) == UNASKED


@pytest.mark.parametrize("type", ALL)
@pytest.mark.parametrize("payload", [UNKNOWN, PING, REGISTER, LAST, ""])
def test_rooms_answer_for_themselves(people: Any, frames: Any, hosts: Hosts, type: str, payload: str) -> None:
    room = "room@conference.example.com"
    for to in (room, room + "/nick"):
        frame = frames("iq", to, type, payload=payload)
        assert decide(frame, people, hosts) == (Hand("room", room),)
    frame = frames("iq", "conference.example.com", type, payload=payload)
    assert decide(frame, people, hosts) == (Hand("room", "conference.example.com"),)


@pytest.mark.parametrize("type", REQUESTS)
@pytest.mark.parametrize("to", ["", "alice@example.com", "example.com"])
def test_what_services_do(people: Any, frames: Any, hosts: Hosts, type: str, to: str) -> None:
    assert decide(frames.query(ROSTER, to, type), people, hosts) == (ALICE,)
    assert decide(frames.query(REGISTER, to, type), people, hosts) == (Hand("account", "alice@example.com"),)


def test_last_activity(people: Any, frames: Any, hosts: Hosts) -> None:
    assert decide(frames.query(LAST, "bob@example.com"), people, hosts) == (Hand("user", "bob@example.com"),)
    assert decide(frames.query(LAST, "alice@example.com"), people, hosts) == (ALICE,)
    assert decide(frames.query(LAST), people, hosts) == (ALICE,)
    assert decide(frames.query(LAST, "example.com"), people, hosts) == ANSWER
    assert decide(frames.query(LAST, "bob@example.com", "set"), people, hosts) == UNAVAILABLE


@pytest.mark.parametrize("payload", sorted(ANSWERS))
def test_what_the_router_answers(people: Any, frames: Any, hosts: Hosts, payload: str) -> None:
    for to in ("example.com", "", "alice@example.com"):
        if payload != LAST:
            assert decide(frames.query(payload, to), people, hosts) == ANSWER
        assert decide(frames.query(payload, to, "set"), people, hosts) == UNAVAILABLE
    if payload != LAST:
        assert decide(frames.query(payload, "bob@example.com"), people, hosts) == UNAVAILABLE


def test_an_iq_without_payload(people: Any, frames: Any, hosts: Hosts) -> None:
    assert decide(frames("iq", "example.com", "get"), people, hosts) == UNAVAILABLE
