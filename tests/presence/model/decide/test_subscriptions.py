"""Subscription stanzas through the table, and two users who talk over a line that repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from natter.presence.model.decide.subscriptions import INBOUND, OUTBOUND
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import TABLE, Sign, State
from natter.proto.v1 import bus_pb2

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"
TYPES = tuple(OUTBOUND)
CELLS = [(state, type) for state in State for type in TYPES]


def put(anne: Any, state: State, **fields: Any) -> None:
    """Bob stands in her roster like this."""
    fields = {"request": b"<presence/>" if state.pending_in else b"", **fields}
    contact = Contact(BOB, state=state, **fields)
    anne.user = replace(anne.user, roster=evolve(anne.user.roster, ContactChanged(contact), 1))


def pushes(anne: Any) -> list[bytes]:
    return [stanza for stanza in anne.heard if stanza.startswith(b"<iq type='set'")]


@pytest.mark.parametrize(("state", "type"), CELLS)
def test_outbound(actor: Make, state: State, type: str) -> None:
    anne = actor("anne")
    put(anne, state)
    decision = anne.says(type, f"{BOB}/phone", children="<status>please</status>")
    step = TABLE[state, OUTBOUND[type]]
    assert anne.user.roster.contacts[BOB].state is step.state
    assert bool(anne.user.roster.contacts[BOB].request) is step.state.pending_in
    if step.sign is Sign.PASS:
        (frame,) = anne.sent
        # RFC 6121 §3.1.2: bare JIDs, the rest as it was.
        assert (frame.type, frame.sender, frame.to) == (type, ANNE, BOB)
        assert b"please" in frame.stanza and b"/phone" not in frame.stanza and b"/r'" not in frame.stanza
    else:
        assert not anne.sent
    visible = step.state.subscription != state.subscription or step.state.pending_out != state.pending_out
    assert len(pushes(anne)) == (visible or (type == "subscribed" and step.sign is Sign.MARK))
    gone = [e for e in decision.effects if getattr(e, "type", "") == "unavailable"]
    assert len(gone) == (state.from_ and not step.state.from_)
    assert anne.says(type, BOB).events == ()


@pytest.mark.parametrize(("state", "type"), CELLS)
def test_inbound(actor: Make, state: State, type: str) -> None:
    anne = actor("anne")
    put(anne, state)
    decision = anne.hears(BOB, type)
    step = TABLE[state, INBOUND[type]]
    assert anne.user.roster.contacts[BOB].state is step.state
    assert bool(anne.user.roster.contacts[BOB].request) is step.state.pending_in
    delivered = [s for s in anne.heard if s.startswith(b"<presence") and f"type='{type}'".encode() in s]
    assert len(delivered) == (step.sign is Sign.PASS)
    answers = [frame.type for frame in anne.sent]
    probe = ["probe"] if type == "subscribed" and step.sign is Sign.PASS else []
    assert answers == (["subscribed"] if step.sign is Sign.ANSWER else probe)
    gone = [e for e in decision.effects if getattr(e, "type", "") == "unavailable"]
    assert len(gone) == (state.from_ and not step.state.from_)
    assert anne.hears(BOB, type).events == ()


def test_a_request_from_a_stranger_is_not_in_the_roster(actor: Make) -> None:
    anne = actor("anne")
    anne.hears(BOB, "subscribe")
    assert anne.roster() == {} and not pushes(anne)
    assert anne.user.roster.contacts[BOB].request
    anne.says("unsubscribed", BOB)
    assert BOB not in anne.user.roster.contacts
    assert anne.sent[0].type == "unsubscribed"


def test_a_request_waits_for_the_next_session(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    anne.hears(BOB, "subscribe")
    assert anne.heard == []
    anne.says()
    assert any(b"type='subscribe'" in stanza for stanza in anne.heard)


def test_granting_a_stranger_lists_him(actor: Make) -> None:
    anne = actor("anne")
    anne.hears(BOB, "subscribe")
    anne.says("subscribed", BOB)
    assert anne.roster() == {BOB: "from"}
    assert len(pushes(anne)) == 1


def test_pre_approval(actor: Make) -> None:
    anne = actor("anne")
    anne.says("subscribed", BOB)
    assert not anne.sent
    assert b"approved='true'" in pushes(anne)[0]
    anne.heard.clear()
    anne.hears(BOB, "subscribe")
    # RFC 6121 §3.4.2: granted at once, and nobody is asked.
    assert [frame.type for frame in anne.sent] == ["subscribed"]
    assert anne.roster() == {BOB: "from"}
    assert not [s for s in anne.heard if b"type='subscribe'" in s]
    assert len(pushes(anne)) == 1


def test_pre_approval_is_taken_back(actor: Make) -> None:
    anne = actor("anne")
    anne.says("subscribed", BOB)
    anne.heard.clear()
    anne.says("unsubscribed", BOB)
    assert not anne.sent
    assert b"approved" not in pushes(anne)[0]
    anne.hears(BOB, "subscribe")
    assert not anne.sent


def test_pre_approval_beside_a_subscription(actor: Make) -> None:
    anne = actor("anne")
    put(anne, State.TO)
    anne.says("subscribed", BOB)
    anne.hears(BOB, "subscribe")
    assert anne.roster() == {BOB: "both"}


def test_nobody_asks_himself(actor: Make) -> None:
    anne = actor("anne")
    assert anne.says("subscribe", ANNE).effects == ()
    assert anne.hears(ANNE, "subscribed").effects == ()


@pytest.mark.parametrize(
    ("to", "condition"),
    [("a@elsewhere", b"remote-server-not-found"), ("r@conference.natter.test", b"service-unavailable")],
)
def test_who_cannot_be_asked(actor: Make, to: str, condition: bytes) -> None:
    anne = actor("anne")
    assert anne.says("subscribe", to).events == ()
    assert condition in anne.heard[0]
    assert anne.says("unsubscribed", to).effects == ()


def test_there_is_no_such_user(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    anne.user = replace(anne.user, exists=False)
    assert anne.hears(BOB, "subscribe").events == ()
    assert not anne.sent


def test_requests_are_bounded_and_short(actor: Make) -> None:
    anne = actor("anne")
    anne.policy = replace(anne.policy, limits=replace(anne.policy.limits, requests_max=1, request_bytes_max=100))
    anne.hears("a" * 50 + "@natter.test", "subscribe")
    (contact,) = anne.user.roster.contacts.values()
    assert b"type='subscribe'" in contact.request
    decision = anne.hears(BOB, "subscribe")
    assert decision.events == () and decision.limit == "requests"


def test_a_full_roster_asks_nobody(actor: Make) -> None:
    anne = actor("anne")
    anne.policy = replace(anne.policy, limits=replace(anne.policy.limits, items_max=0))
    assert anne.says("subscribe", BOB).events == ()
    assert b"resource-constraint" in anne.heard[0] and not anne.sent


@pytest.mark.parametrize(
    ("state", "type", "told"),
    [
        (State.NONE_OUT, "subscribe", ["subscribe"]),
        (State.TO, "subscribe", []),
        (State.NONE, "subscribe", ["unsubscribe"]),
        (State.NONE, "unsubscribe", ["unsubscribe"]),
        (State.TO, "unsubscribe", []),
        (State.FROM, "subscribed", ["subscribed"]),
        (State.NONE, "subscribed", ["unsubscribed"]),
        (State.NONE_IN, "subscribed", []),
        (State.NONE, "unsubscribed", ["unsubscribed"]),
        (State.FROM, "unsubscribed", ["subscribed"]),
    ],
)
def test_outbound_that_the_journal_has(actor: Make, state: State, type: str, told: list[str]) -> None:
    anne = actor("anne")
    put(anne, state)
    frame = bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type=type,
        sender=f"{ANNE}/r",
        to=BOB,
        session=f"s:{ANNE}/r",
        stanza=f"<presence type='{type}' from='{ANNE}/r' to='{BOB}'/>".encode(),
    )
    decision = anne.take(frame, applied=True)
    assert decision.events == ()
    assert [f.type for f in anne.sent] == told
    assert len(pushes(anne)) == 1


@pytest.mark.parametrize(
    ("state", "type", "heard", "told"),
    [
        (State.NONE_IN, "subscribe", 1, []),
        (State.FROM, "subscribe", 0, ["subscribed"]),
        (State.TO, "subscribed", 1, ["probe"]),
        (State.NONE, "subscribed", 0, []),
        (State.NONE, "unsubscribed", 1, []),
        (State.NONE, "unsubscribe", 1, []),
        (State.FROM, "unsubscribe", 0, []),
    ],
)
def test_inbound_that_the_journal_has(actor: Make, state: State, type: str, heard: int, told: list[str]) -> None:
    anne = actor("anne")
    put(anne, state)
    assert anne.hears(BOB, type, applied=True).events == ()
    assert len([s for s in anne.heard if s.startswith(b"<presence")]) == heard
    assert [f.type for f in anne.sent] == told


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([0, 1]), st.sampled_from(["subscribe", "subscribed", "unsubscribe", "unsubscribed"])),
        st.tuples(st.sampled_from([0, 1]), st.sampled_from(["carry", "repeat", "remove"])),
    ),
    max_size=14,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(STEPS, st.booleans())
def test_two_users_agree_whatever_is_repeated(actor: Make, steps: list[tuple[int, str]], crossing: bool) -> None:
    """What one sees of the other is what the other grants, once the line is empty: each order, each redelivery."""
    users = (actor("anne"), actor("bob"))
    carried: list[tuple[Any, list[bus_pb2.Frame]]] = [(users[1], []), (users[0], [])]

    def carry(side: int, *, repeat: bool) -> None:
        receiver, done = carried[side]
        if not users[side].sent:
            return
        frame = users[side].sent.popleft()
        done.append(frame)
        receiver.take(frame)
        if repeat:
            # The sender was killed before it knew: the same frame stands twice in the log.
            receiver.take(frame)

    def settle() -> None:
        while users[0].sent or users[1].sent:
            carry(0, repeat=True)
            carry(1, repeat=True)

    for side, step in steps:
        if step == "carry":
            carry(side, repeat=False)
        elif step == "repeat":
            carry(side, repeat=True)
        elif step == "remove":
            users[side].sets(f"<item jid='{users[1 - side].jid}' subscription='remove'/>")
        else:
            users[side].says(step, users[1 - side].jid)
        if not crossing:
            settle()
    settle()
    anne, bob = (user.user.roster.contacts.get(other.jid, Contact("")).state for user, other in (users, users[::-1]))
    assert bob.from_ or not anne.to
    assert anne.from_ or not bob.to
    if not crossing:
        # A request that crosses a denial may be granted unheard: RFC 6121 §3.1.6 has the asker's server ignore an
        # approval of what is no longer asked.
        assert anne.to == bob.from_
        assert bob.to == anne.from_
        assert not (anne.pending_out and bob.from_)
