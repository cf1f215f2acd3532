"""Roster get and set: RFC 6121 §2.2 to §2.5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.presence.model.decide.items import Item, change, cost
from natter.presence.model.effects import Limits, Push, ToSessions
from natter.presence.model.events import Contact, ContactChanged, ContactRemoved
from natter.presence.model.roster import EMPTY, evolve
from natter.presence.model.subscription import State

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"


def has(anne: Any, **contacts: State) -> None:
    """Put contacts into her roster."""
    roster = anne.user.roster
    for version, (name, state) in enumerate(contacts.items(), 1):
        roster = evolve(roster, ContactChanged(Contact(f"{name}@natter.test", state=state)), version)
    anne.user = replace(anne.user, roster=roster)


def test_get_gives_the_roster_and_interest(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    has(anne, bob=State.TO)
    anne.gets_roster()
    assert anne.heard == [
        b"<iq type='result' id='q1' to='anne@natter.test/r'><query xmlns='jabber:iq:roster'>"
        b"<item jid='bob@natter.test' subscription='to'/></query></iq>"
    ]
    assert [s.jid for s in anne.user.interested()] == [f"{ANNE}/r"]
    assert anne.gets_roster().changes == ()


def test_set_adds_pushes_and_answers(actor: Make) -> None:
    anne = actor("anne")
    decision = anne.sets(f"<item jid='{BOB}' name='Bob' subscription='both' ask='subscribe'><group>G</group></item>")
    # RFC 6121 §2.1.2.5: a client cannot grant itself a subscription.
    assert decision.events == (ContactChanged(Contact(BOB, "Bob", ("G",))),)
    push, result = decision.effects
    assert push == Push(BOB, (f"s:{ANNE}/r",))
    assert isinstance(result, ToSessions) and b"type='result'" in result.stanza


def test_only_sessions_that_asked_get_pushes(actor: Make) -> None:
    anne = actor("anne")
    anne.says(resource="other")
    anne.sets(f"<item jid='{BOB}'/>")
    assert anne.last.effects[0] == Push(BOB, (f"s:{ANNE}/r",))


def test_the_same_set_again_changes_nothing_and_is_answered(actor: Make) -> None:
    anne = actor("anne")
    anne.sets(f"<item jid='{BOB}' name='Bob'/>")
    again = anne.sets(f"<item jid='{BOB}' name='Bob'/>")
    assert again.events == ()
    assert len(again.effects) == 1


def test_rename_keeps_the_subscription(actor: Make) -> None:
    anne = actor("anne")
    has(anne, bob=State.FROM_OUT)
    anne.sets(f"<item jid='{BOB}' name='Robert'/>")
    assert anne.user.roster.contacts[BOB] == Contact(BOB, "Robert", state=State.FROM_OUT)


@pytest.mark.parametrize(
    ("items", "condition"),
    [
        ("", "bad-request"),
        ("<item jid='a@x'/><item jid='b@x'/>", "bad-request"),
        ("<item/>", "jid-malformed"),
        ("<item jid='@'/>", "jid-malformed"),
        ("<item jid='a@x'><group>g</group><group>g</group></item>", "bad-request"),
        ("<item jid='a@x'><group/></item>", "not-acceptable"),
        (f"<item jid='a@x'><group>{'g' * 300}</group></item>", "not-acceptable"),
        (f"<item jid='a@x' name='{'ä' * 150}'/>", "not-acceptable"),
        ("<item jid='a@x'>" + "".join(f"<group>{n}</group>" for n in range(17)) + "</item>", "not-acceptable"),
        ("<item jid='nobody@x' subscription='remove'/>", "item-not-found"),
    ],
)
def test_what_is_refused(actor: Make, items: str, condition: str) -> None:
    anne = actor("anne")
    decision = anne.sets(items)
    assert decision.events == ()
    assert condition.encode() in anne.heard[0]


def test_somebody_elses_roster_is_forbidden(actor: Make) -> None:
    anne = actor("anne")
    for type in ("get", "set"):
        anne.asks(type, "<query xmlns='jabber:iq:roster'><item jid='a@x'/></query>", to=BOB)
        assert b"forbidden" in anne.heard.pop()
    assert anne.asks("get", "<query xmlns='jabber:iq:roster'/>", to=ANNE).effects
    assert b"from='anne@natter.test'" in anne.heard.pop()


def test_a_full_roster_takes_no_more(actor: Make) -> None:
    anne = actor("anne")
    anne.policy = replace(anne.policy, limits=replace(anne.policy.limits, items_max=2))
    anne.sets("<item jid='a@x'/>")
    anne.sets("<item jid='b@x'/>")
    decision = anne.sets("<item jid='c@x'/>")
    assert decision.events == () and decision.limit == "roster"
    assert b"resource-constraint" in anne.heard[-1]
    assert anne.sets("<item jid='a@x' name='A'/>").events


def test_a_roster_has_a_size(actor: Make) -> None:
    anne = actor("anne")
    anne.policy = replace(anne.policy, limits=replace(anne.policy.limits, roster_bytes_max=120))
    assert anne.sets("<item jid='a@x' name='&lt;&lt;&lt;&lt;'/>").events
    assert not anne.sets("<item jid='b@x' name='&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;'/>").events
    assert anne.sets("<item jid='a@x' name='A'/>").events
    assert cost(anne.user.roster.contacts["a@x"]) < 60


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.NONE, []),
        (State.NONE_OUT, ["unsubscribe"]),
        (State.TO_IN, ["unsubscribe", "unsubscribed"]),
        (State.FROM, ["unsubscribed"]),
        (State.BOTH, ["unsubscribe", "unsubscribed"]),
    ],
)
def test_removal_ends_both_subscriptions(actor: Make, state: State, told: list[str]) -> None:
    anne = actor("anne")
    has(anne, bob=state)
    decision = anne.sets(f"<item jid='{BOB}' subscription='remove'/>")
    assert decision.events == (ContactRemoved(BOB),)
    assert [frame.type for frame in anne.sent] == told
    assert b"subscription='remove'" in anne.heard[0]
    # Who saw her sees her leave.
    hidden = [effect for effect in decision.effects if getattr(effect, "type", "") == "unavailable"]
    assert len(hidden) == state.from_


def test_removing_a_contact_elsewhere_tells_nobody(actor: Make) -> None:
    anne = actor("anne")
    anne.sets("<item jid='a@elsewhere'/>")
    anne.sets("<item jid='a@elsewhere' subscription='remove'/>")
    assert not anne.sent


def test_what_the_journal_has_is_said_again_and_not_decided(actor: Make) -> None:
    anne = actor("anne")
    has(anne, bob=State.FROM)
    set_again = _frame(f"<item jid='{BOB}' name='old'/>")
    decision = anne.take(set_again, applied=True)
    assert decision.events == ()
    assert [type(effect) for effect in decision.effects] == [Push, ToSessions]
    removed_again = anne.take(_frame("<item jid='gone@natter.test' subscription='remove'/>"), applied=True)
    assert removed_again.events == ()
    assert [frame.type for frame in anne.sent] == ["unsubscribe", "unsubscribed"]


def test_what_was_refused_is_refused_again(actor: Make) -> None:
    anne = actor("anne")
    has(anne, bob=State.NONE)
    anne.policy = replace(anne.policy, limits=replace(anne.policy.limits, items_max=1))
    anne.take(_frame("<item jid='c@x'/>"), applied=True)
    assert b"resource-constraint" in anne.heard[0]


def _frame(item: str) -> Any:
    from natter.proto.v1 import bus_pb2

    stanza = f"<iq type='set' id='1' from='{ANNE}/r'><query xmlns='jabber:iq:roster'>{item}</query></iq>".encode()
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_IQ,
        type="set",
        id="1",
        sender=f"{ANNE}/r",
        payload="{jabber:iq:roster}query",
        session=f"s:{ANNE}/r",
        stanza=stanza,
    )


@given(st.lists(st.tuples(st.sampled_from(["a@x", "b@x"]), st.text(max_size=3)), max_size=8))
def test_deciding_again_on_the_result_yields_nothing(sets: list[tuple[str, str]]) -> None:
    roster = EMPTY
    for version, (jid, name) in enumerate(sets):
        item = Item(jid, name)
        for event in change(roster, item, Limits()):
            roster = evolve(roster, event, version)
        assert change(roster, item, Limits()) == ()
