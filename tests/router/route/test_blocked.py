"""XEP-0191 §3.3: what becomes of stanzas between two of whom one has blocked the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import NOT_ACCEPTABLE, UNAVAILABLE, UNWANTED, Deliver, Hand
from natter.router.route.view import Hosts

ALICE, BOB = "alice@example.com", "bob@example.com"
PING = "{urn:xmpp:ping}ping"


@pytest.fixture
def bob_blocks_alice(keeping: Hosts) -> Hosts:
    return replace(keeping, blocks=lambda owner, jid: owner == BOB and jid.startswith(ALICE))


@pytest.fixture
def alice_blocks_bob(keeping: Hosts) -> Hosts:
    return replace(keeping, blocks=lambda owner, jid: owner == ALICE and jid.startswith(BOB))


def test_messages_find_nobody(people: Any, frames: Any, bob_blocks_alice: Hosts) -> None:
    people.add(f"{BOB}/x", carbons=True)
    for to in (BOB, f"{BOB}/x", f"{BOB}/gone"):
        assert decide(frames("message", to, "chat"), people, bob_blocks_alice) == UNAVAILABLE
        assert decide(frames("message", to, "headline"), people, bob_blocks_alice) == UNWANTED
        assert decide(frames("message", to, "chat", returned=1), people, bob_blocks_alice) == UNAVAILABLE


def test_requests_find_nobody_and_answers_are_dropped(people: Any, frames: Any, bob_blocks_alice: Hosts) -> None:
    people.add(f"{BOB}/x")
    assert decide(frames.query(PING, f"{BOB}/x"), people, bob_blocks_alice) == UNAVAILABLE
    assert decide(frames.query(PING, f"{BOB}/x", "result"), people, bob_blocks_alice) == UNWANTED


@pytest.mark.parametrize("type", ["", "unavailable", "subscribe", "probe", "error"])
def test_presence_is_ignored(people: Any, frames: Any, bob_blocks_alice: Hosts, type: str) -> None:
    assert decide(frames("presence", BOB, type), people, bob_blocks_alice) == UNWANTED


def test_who_has_blocked_is_told_so(people: Any, frames: Any, alice_blocks_bob: Hosts) -> None:
    people.add(f"{BOB}/x")
    assert decide(frames("message", f"{BOB}/x", "chat"), people, alice_blocks_bob) == NOT_ACCEPTABLE
    assert decide(frames.query(PING, f"{BOB}/x"), people, alice_blocks_bob) == NOT_ACCEPTABLE
    assert decide(frames("presence", BOB, "subscribe"), people, alice_blocks_bob) == NOT_ACCEPTABLE
    assert decide(frames("message", BOB, "error"), people, alice_blocks_bob) == UNWANTED
    assert decide(frames.query(PING, f"{BOB}/x", "result"), people, alice_blocks_bob) == UNWANTED


def test_leaving_is_allowed_and_broadcasts_are_not_for_one(people: Any, frames: Any, alice_blocks_bob: Hosts) -> None:
    hand = (Hand("user", ALICE),)
    assert decide(frames("presence", BOB, "unavailable"), people, alice_blocks_bob) == hand
    assert decide(frames("presence"), people, alice_blocks_bob) == hand


def test_others_are_not_touched(people: Any, frames: Any, bob_blocks_alice: Hosts) -> None:
    session = people.add("carol@example.com/c")
    assert decide(frames("message", session.jid, "chat"), people, bob_blocks_alice)[-1] == Deliver((session,))
