"""Directed presence: RFC 6121 §4.6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.presence.model.decide.directed import remember
from natter.presence.model.effects import Limits, Policy, Send, Via

Make = Callable[..., Any]
ANNE = "anne@natter.test"
POLICY = Policy("natter.test", "conference.natter.test", Limits(directed_max=2))
ROOM = "room@conference.natter.test"


def test_it_goes_where_it_is_directed_and_is_remembered(actor: Make) -> None:
    anne = actor("anne")
    decision = anne.says("", "bob@natter.test/r", children="<show>chat</show>")
    (effect,) = decision.effects
    assert isinstance(effect, Send) and effect.via is Via.SESSIONS
    assert b"to='bob@natter.test/r'" in effect.stanza
    assert anne.user.sessions[f"{ANNE}/r"].directed == ("bob@natter.test/r",)
    assert anne.says("", "bob@natter.test/r").changes == ()
    anne.says("unavailable", "bob@natter.test/r")
    assert anne.user.sessions[f"{ANNE}/r"].directed == ()


def test_a_room_is_only_remembered(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    assert anne.says("", f"{ROOM}/n").effects == ()
    assert anne.user.sessions[f"{ANNE}/r"].directed == (f"{ROOM}/n",)


@pytest.mark.parametrize(
    ("before", "to", "available", "after", "limit"),
    [
        ((), "a@x", True, ("a@x",), ""),
        (("a@x",), "a@x", True, ("a@x",), ""),
        (("a@x",), "a@x", False, (), ""),
        (("a@x/1",), "a@x/2", False, ("a@x/1",), ""),
        ((f"{ROOM}/old", "a@x"), f"{ROOM}/new", True, ("a@x", f"{ROOM}/new"), ""),
        ((f"{ROOM}/old",), f"{ROOM}/whatever", False, (), ""),
        (("a@x", "b@x"), "c@x", True, ("b@x", "c@x"), "directed"),
    ],
)
def test_what_is_remembered(
    before: tuple[str, ...], to: str, available: bool, after: tuple[str, ...], limit: str
) -> None:
    assert remember(before, to, available, POLICY) == (after, limit)


def test_another_domain_is_out_of_reach(actor: Make) -> None:
    anne = actor("anne")
    anne.says("", "a@elsewhere")
    assert b"remote-server-not-found" in anne.heard[0]
    assert anne.says("unavailable", "a@elsewhere").effects == ()
    assert anne.says("", "natter.test").effects == ()


def test_the_limit_is_counted(actor: Make) -> None:
    anne = actor("anne")
    anne.policy = replace(anne.policy, limits=Limits(directed_max=1))
    anne.says("", "bob@natter.test")
    assert anne.says("", "carol@natter.test").limit == "directed"
