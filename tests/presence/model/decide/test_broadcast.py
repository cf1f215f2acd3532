"""Available presence: RFC 6121 §4.2 and §4.4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.presence.model.effects import Broadcast, Send, ToSessions, Via
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import State

Make = Callable[..., Any]
ANNE = "anne@natter.test"


def befriend(anne: Any) -> None:
    """One contact of each kind."""
    roster = anne.user.roster
    for version, (name, state) in enumerate(
        [("t", State.TO), ("f", State.FROM), ("b", State.BOTH), ("n", State.NONE), ("o", State.NONE_OUT)]
    ):
        roster = evolve(roster, ContactChanged(Contact(f"{name}@natter.test", state=state)), version)
    anne.user = replace(anne.user, roster=roster)


def only(decision: Any, kind: type) -> list[Any]:
    return [effect for effect in decision.effects if isinstance(effect, kind)]


def test_initial_presence(actor: Make) -> None:
    anne = actor("anne", available=False)
    befriend(anne)
    decision = anne.says(children="<c xmlns='http://jabber.org/protocol/caps' ver='x'/>")
    (broadcast,) = only(decision, Broadcast)
    assert broadcast.to == ["f@natter.test", "b@natter.test"]
    # Caps pass untouched.
    assert b"<c xmlns='http://jabber.org/protocol/caps' ver='x'/>" in broadcast.stanza
    probes = only(decision, Send)
    assert [(p.via, p.type, p.sender, p.to) for p in probes] == [
        (Via.USER, "probe", f"{ANNE}/r", "t@natter.test"),
        (Via.USER, "probe", f"{ANNE}/r", "b@natter.test"),
    ]
    (own,) = only(decision, ToSessions)
    assert own.sessions == (f"s:{ANNE}/r",) and own.to == ANNE


def test_later_presence_probes_nobody(actor: Make) -> None:
    anne = actor("anne")
    befriend(anne)
    decision = anne.says(children="<show>away</show>")
    assert len(only(decision, Broadcast)) == 1
    assert not only(decision, Send)
    assert b"away" in anne.user.sessions[f"{ANNE}/r"].stanza


def test_resources_see_each_other(actor: Make) -> None:
    anne = actor("anne")
    decision = anne.says(resource="phone")
    to_all, to_phone = only(decision, ToSessions)
    assert set(to_all.sessions) == {f"s:{ANNE}/r", f"s:{ANNE}/phone"}
    assert to_phone.sessions == (f"s:{ANNE}/phone",) and f"from='{ANNE}/r'".encode() in to_phone.stanza.replace(
        b'"', b"'"
    )


@pytest.mark.parametrize(("text", "priority"), [("-128", -128), ("127", 127), (" 5 ", 5), ("+7", 7), ("0", 0)])
def test_priority(actor: Make, text: str, priority: int) -> None:
    anne = actor("anne")
    anne.says(children=f"<priority>{text}</priority>")
    assert anne.user.sessions[f"{ANNE}/r"].priority == priority


@pytest.mark.parametrize(
    "children",
    [
        "<priority>128</priority>",
        "<priority>-129</priority>",
        "<priority/>",
        "<priority>high</priority>",
        "<priority>1.0</priority>",
        "<priority>1</priority><priority>1</priority>",
        "<priority>٣</priority>",
    ],
)
def test_a_priority_that_is_none(actor: Make, children: str) -> None:
    anne = actor("anne", available=False)
    decision = anne.says(children=children)
    assert decision.changes == ()
    assert b"bad-request" in anne.heard[0]
    assert not anne.user.available()


def test_the_word_priority_elsewhere(actor: Make) -> None:
    anne = actor("anne")
    anne.says(children="<status>priority</status>")
    assert anne.user.sessions[f"{ANNE}/r"].priority == 0


def test_a_session_that_took_the_resource_over(actor: Make) -> None:
    anne = actor("anne")
    befriend(anne)
    anne.says("", "room@conference.natter.test/n")
    anne.user = replace(anne.user, sessions={jid: replace(s, session="old") for jid, s in anne.user.sessions.items()})
    decision = anne.says()
    left, came = only(decision, Broadcast)
    assert left.type == "unavailable" and came.type == ""
    assert [s.type for s in only(decision, Send) if s.via is Via.ROOM] == ["unavailable"]
    assert anne.user.sessions[f"{ANNE}/r"].session == f"s:{ANNE}/r"
