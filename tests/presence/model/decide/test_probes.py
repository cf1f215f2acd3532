"""Presence probes: RFC 6121 §4.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.presence.model.effects import Send, Via
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import State
from natter.presence.model.user import Logout
from natter.xmpp.element import parse

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"


def put(anne: Any, state: State) -> None:
    anne.user = replace(anne.user, roster=evolve(anne.user.roster, ContactChanged(Contact(BOB, state=state)), 1))


def test_each_resource_answers_with_its_last_presence(actor: Make) -> None:
    anne = actor("anne")
    put(anne, State.FROM)
    anne.says(resource="phone", children="<show>dnd</show>")
    decision = anne.hears(f"{BOB}/r", "probe")
    first, second = decision.effects
    assert all(e.via is Via.SESSIONS and e.to == f"{BOB}/r" for e in decision.effects)
    assert (first.sender, second.sender) == (f"{ANNE}/r", f"{ANNE}/phone")
    element = parse(second.stanza)
    assert element.findtext("{jabber:client}show") == "dnd"
    assert element.find("{urn:xmpp:delay}delay") is not None


@pytest.mark.parametrize("state", [s for s in State if not s.from_])
def test_who_may_not_see_is_told_unsubscribed(actor: Make, state: State) -> None:
    anne = actor("anne")
    put(anne, state)
    (effect,) = anne.hears(f"{BOB}/r", "probe").effects
    assert (effect.via, effect.type, effect.to) == (Via.USER, "unsubscribed", BOB)


def test_no_such_user_looks_the_same(actor: Make) -> None:
    ghost, anne = actor("ghost", available=False, interested=False), actor("anne", available=False, interested=False)
    ghost.user = replace(ghost.user, exists=False)
    (there,), (not_there,) = anne.hears(BOB, "probe").effects, ghost.hears(BOB, "probe").effects
    assert there.stanza.replace(b"anne", b"ghost") == not_there.stanza


def test_nobody_there(actor: Make) -> None:
    anne = actor("anne", available=False)
    put(anne, State.BOTH)
    (never,) = anne.hears(BOB, "probe").effects
    assert isinstance(never, Send) and never.type == "unavailable" and b"delay" not in never.stanza
    anne.user = replace(anne.user, logout=Logout(1_000_000))
    (since,) = anne.hears(BOB, "probe").effects
    assert b"1970-01-01T00:00:01" in since.stanza


def test_a_client_probes_only_whom_it_may_see(actor: Make) -> None:
    anne = actor("anne")
    assert anne.says("probe", BOB).effects == ()
    put(anne, State.NONE_OUT)
    assert anne.says("probe", BOB).effects == ()
    put(anne, State.TO)
    (effect,) = anne.says("probe", BOB).effects
    assert (effect.via, effect.sender, effect.to) == (Via.USER, f"{ANNE}/r", BOB)


def test_nobody_probes_himself(actor: Make) -> None:
    assert actor("anne").hears(f"{ANNE}/r", "probe").effects == ()
