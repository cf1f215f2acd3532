"""XEP-0280: who gets copies."""

from __future__ import annotations

from typing import Any

import pytest
from natter.router.pipeline import decide
from natter.router.route.outcome import Copy, Deliver, Hand, Keep
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


def test_what_comes_back_or_is_refused_is_not_copied(devices: Any, people: Any, frames: Any, hosts: Hosts) -> None:
    assert len(decide(frames("message", f"{BOB}/desk", "chat", returned=1), people, hosts)) == 1
    assert len(decide(frames("message", "romeo@elsewhere.lit", "chat"), people, hosts)) == 1
