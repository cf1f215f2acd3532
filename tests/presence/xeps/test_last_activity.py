"""XEP-0012 for a contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import State
from natter.presence.model.user import Logout
from natter.proto.v1 import bus_pb2

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"
QUERY = "<query xmlns='jabber:iq:last'/>"
NOW_US = 1_700_000_000_000_000


def ask(anne: Any, sender: str = f"{BOB}/r", type: str = "get") -> bytes:
    anne.heard.clear()
    stanza = f"<iq type='{type}' id='1' from='{sender}' to='{ANNE}'>{QUERY}</iq>".encode()
    anne.take(
        bus_pb2.Frame(
            kind=bus_pb2.KIND_IQ,
            type=type,
            id="1",
            sender=sender,
            to=ANNE,
            payload="{jabber:iq:last}query",
            session="s:bob",
            stanza=stanza,
        )
    )
    return bytes(anne.heard[0])


def befriended(anne: Any, state: State = State.FROM) -> Any:
    anne.user = replace(anne.user, roster=evolve(anne.user.roster, ContactChanged(Contact(BOB, state=state)), 1))
    return anne


@pytest.mark.parametrize("state", [s for s in State if not s.from_])
def test_who_may_not_see_learns_nothing(actor: Make, state: State) -> None:
    here, away = befriended(actor("anne"), state), befriended(actor("anne", available=False), state)
    nobody = actor("anne", available=False, interested=False)
    nobody.user = replace(nobody.user, exists=False)
    assert b"forbidden" in ask(here)
    assert ask(here) == ask(away) == ask(nobody)


def test_somebody_there_is_zero_seconds(actor: Make) -> None:
    assert b'seconds="0"' in ask(befriended(actor("anne")))


def test_since_the_last_logout_with_its_status(actor: Make) -> None:
    anne = befriended(actor("anne", available=False))
    words = b"<presence from='anne@natter.test/r' type='unavailable'><status>Heading Home</status></presence>"
    anne.user = replace(anne.user, logout=Logout(NOW_US - 903_500_000, words))
    answer = ask(anne)
    assert b'seconds="903"' in answer and b"Heading Home" in answer
    assert b"from='anne@natter.test'" in answer


def test_never_seen(actor: Make) -> None:
    assert b"item-not-found" in ask(befriended(actor("anne", available=False)))


def test_ones_own(actor: Make) -> None:
    assert b'seconds="0"' in ask(actor("anne"), sender=f"{ANNE}/r")


def test_set_is_not_allowed(actor: Make) -> None:
    assert b"not-allowed" in ask(befriended(actor("anne")), type="set")
