"""XEP-0280: who gets copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import Bounce, Copy, Deliver, Drop, Hand, Keep
from natter.router.route.view import Hosts
from natter.xmpp.traits import Trait

ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def devices(people: Any) -> dict[str, Any]:
    """Alice's tablet and bob's three, of which one has not asked for copies."""
    people.add(f"{ALICE}/phone", carbons=True)
    return {
        jid: people.add(jid, carbons=carbons, available=available)
        for jid, carbons, available in (
            (f"{ALICE}/tablet", True, True),
            (f"{BOB}/desk", True, True),
            (f"{BOB}/phone2", True, False),
            (f"{BOB}/old", False, True),
        )
    }


def test_both_sides_get_copies_but_not_who_has_it(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    assert decide(frames("message", f"{BOB}/desk", "chat"), people, hosts) == (
        Deliver((devices[f"{BOB}/desk"],)),
        Copy(BOB, (devices[f"{BOB}/phone2"],), sent=False),
        Copy(ALICE, (devices[f"{ALICE}/tablet"],), sent=True),
    )


def test_what_goes_to_all_is_copied_to_the_rest(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    delivered, received, sent = decide(frames("message", BOB, "chat"), people, hosts)
    assert delivered == Deliver((devices[f"{BOB}/desk"], devices[f"{BOB}/old"]))
    assert received == Copy(BOB, (devices[f"{BOB}/phone2"],), sent=False)
    assert isinstance(sent, Copy) and sent.sent


def test_a_note_to_oneself(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    outcomes = decide(frames("message", f"{ALICE}/phone", "chat"), people, hosts)
    assert outcomes[1:] == (Copy(ALICE, (devices[f"{ALICE}/tablet"],), sent=True),)


def test_what_waits_is_copied_at_once(people: Any, frames: Any, keeping: Hosts) -> None:
    tablet = people.add(f"{ALICE}/tablet", carbons=True)
    kept, copied = decide(frames("message", BOB, "chat"), people, keeping)
    assert isinstance(kept, Keep) and kept.waits == BOB
    assert copied == Copy(ALICE, (tablet,), sent=True)


def test_private_messages_in_rooms_are_copied_for_who_says_them(
    devices: Any, people: Any, frames: Any, hosts: Hosts
) -> None:
    room = "den@conference.example.com"
    assert decide(frames("message", f"{room}/nick", "chat"), people, hosts) == (
        Hand("room", room),
        Copy(ALICE, (devices[f"{ALICE}/tablet"],), sent=True),
    )
    assert decide(frames("message", room, "groupchat"), people, hosts) == (Hand("room", room),)


@pytest.mark.parametrize("traits", [Trait.BODY | Trait.PRIVATE, Trait.BODY | Trait.NO_COPY, Trait.CARBON | Trait.BODY])
def test_what_is_not_copied(devices: Any, people: Any, frames: Any, hosts: Hosts, traits: int) -> None:
    assert len(decide(frames("message", f"{BOB}/desk", "chat", traits=int(traits)), people, hosts)) == 1


def test_what_comes_back_is_not_copied_again(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    assert len(decide(frames("message", f"{BOB}/desk", "chat", returned=1), people, hosts)) == 1


def test_what_is_refused_is_copied_with_its_error(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    tablet = (devices[f"{ALICE}/tablet"],)
    assert decide(frames("message", "romeo@elsewhere.lit", "chat"), people, hosts) == (
        Bounce("remote-server-not-found"),
        Copy(ALICE, tablet, sent=True),
        Copy(ALICE, tablet, sent=False, error=True),
    )
    private = int(Trait.BODY | Trait.PRIVATE)
    assert len(decide(frames("message", "romeo@elsewhere.lit", "chat", traits=private), people, hosts)) == 1
    assert len(decide(frames("message", "romeo@elsewhere.lit", "groupchat"), people, hosts)) == 1


def test_an_error_is_copied_like_what_it_answers(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    error = {"traits": int(Trait.ERROR)}
    delivered, received, sent = decide(frames("message", f"{BOB}/desk", "error", **error), people, hosts)
    assert delivered == Deliver((devices[f"{BOB}/desk"],))
    assert received == Copy(BOB, (devices[f"{BOB}/phone2"],), sent=False)
    assert sent == Copy(ALICE, (devices[f"{ALICE}/tablet"],), sent=True)
    # The client that it is for has left: the others hear of it.
    dropped, received, _ = decide(frames("message", f"{BOB}/gone", "error", **error), people, hosts)
    assert dropped == Drop("error")
    assert received == Copy(BOB, (devices[f"{BOB}/desk"], devices[f"{BOB}/phone2"]), sent=False)


def test_an_error_for_a_room_is_not_copied(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    room = "den@conference.example.com"
    assert decide(frames("message", f"{room}/nick", "error"), people, hosts) == (Hand("room", room),)


def test_nobody_hears_of_what_is_blocked(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    blocking = replace(hosts, blocks=lambda who, whom: who == BOB)
    outcomes = decide(frames("message", f"{BOB}/desk", "error", traits=int(Trait.ERROR)), people, blocking)
    assert outcomes == (Drop("blocked"),)
    refused = decide(frames("message", f"{BOB}/desk", "chat"), people, blocking)
    assert {outcome.account for outcome in refused if isinstance(outcome, Copy)} == {ALICE}
