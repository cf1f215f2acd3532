"""Whose archives a message goes into."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import UNAVAILABLE, Deliver, Drop, Keep
from natter.router.route.view import Hosts
from natter.xmpp.traits import Trait

ALICE, BOB = "alice@example.com", "bob@example.com"


def test_a_message_goes_into_both_archives_before_it_is_delivered(people: Any, frames: Any, keeping: Hosts) -> None:
    session = people.add(f"{BOB}/x")
    for to in (BOB, f"{BOB}/x"):
        assert decide(frames("message", to, "chat"), people, keeping) == (Keep((ALICE, BOB)), Deliver((session,)))


def test_for_who_is_not_there_it_waits(people: Any, frames: Any, keeping: Hosts) -> None:
    assert decide(frames("message", BOB, "chat"), people, keeping) == (Keep((ALICE, BOB), BOB),)
    assert decide(frames("message", f"{BOB}/gone", "chat"), people, keeping) == (Keep((ALICE, BOB), BOB),)
    # RFC 6121 §8.5.3.2.1: not of this type, whose resource was meant.
    assert decide(frames("message", f"{BOB}/gone"), people, keeping) == UNAVAILABLE


def test_a_note_to_oneself_is_kept_once(people: Any, frames: Any, keeping: Hosts) -> None:
    (kept, _) = decide(frames("message", "", "chat"), people, keeping)
    assert kept == Keep((ALICE,))


@pytest.mark.parametrize(
    ("type", "traits"),
    [
        ("headline", Trait.BODY),
        ("error", Trait.BODY),
        ("chat", Trait.CHAT_STATE),
        ("chat", Trait.BODY | Trait.NO_PERMANENT_STORE),
    ],
)
def test_what_is_not_kept_is_delivered_all_the_same(
    people: Any, frames: Any, keeping: Hosts, type: str, traits: int
) -> None:
    session = people.add(f"{BOB}/x")
    assert decide(frames("message", f"{BOB}/x", type, traits=int(traits)), people, keeping) == (Deliver((session,)),)


def test_what_is_not_archived_may_wait(people: Any, frames: Any, keeping: Hosts) -> None:
    passing = frames("message", BOB, "chat", traits=int(Trait.CHAT_STATE))
    assert decide(passing, people, keeping) == (Drop("passing"),)
    fleeting = frames("message", BOB, "chat", traits=int(Trait.BODY | Trait.NO_PERMANENT_STORE))
    assert decide(fleeting, people, keeping) == (Keep((), BOB),)
    secret = frames("message", BOB, "chat", traits=int(Trait.BODY | Trait.NO_STORE))
    assert decide(secret, people, keeping) == UNAVAILABLE


def test_what_is_refused_or_said_in_rooms_is_in_no_archive(people: Any, frames: Any, keeping: Hosts) -> None:
    outcomes = decide(frames("message", "romeo@elsewhere.lit", "chat"), people, keeping)
    outcomes += decide(frames("message", "den@conference.example.com/nick", "chat"), people, keeping)
    outcomes += decide(frames("message", BOB, "groupchat"), people, keeping)
    assert not any(isinstance(outcome, Keep) for outcome in outcomes)


def test_what_comes_back_was_kept_before_and_may_wait(people: Any, frames: Any, keeping: Hosts) -> None:
    back = frames("message", f"{BOB}/x", "chat", returned=1, sessions=["s-x"], stanza_id="1")
    assert decide(back, people, keeping) == (Keep((), BOB),)
    back.returned = keeping.returns_max + 1
    assert decide(back, people, keeping) == (Keep((), BOB),)
    session = people.add(f"{BOB}/y")
    back.returned = 1
    assert decide(back, people, keeping) == (Deliver((session,)),)


def test_without_an_archive_nothing_is_kept(people: Any, frames: Any, hosts: Hosts) -> None:
    session = people.add(f"{BOB}/x")
    assert decide(frames("message", f"{BOB}/x", "chat"), people, hosts) == (Deliver((session,)),)
    people_gone = decide(frames("message", "carol@example.com", "chat"), people, hosts)
    assert people_gone == UNAVAILABLE
