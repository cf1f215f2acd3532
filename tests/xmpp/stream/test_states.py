"""The table: closed, and what it says of the pairs that matter most."""

from __future__ import annotations

from itertools import product

import pytest
from natter.xmpp.stream.events import Stanza, StreamClosed, StreamOpened
from natter.xmpp.stream.reader import Reader
from natter.xmpp.stream.states import DEFAULTS, TABLE, WAITING, Action, Input, State, action, classify

HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


@pytest.mark.parametrize(("state", "given"), list(product(State, Input)))
def test_every_pair_has_an_action(state: State, given: Input) -> None:
    assert isinstance(action(state, given), Action)


def test_every_action_is_used() -> None:
    used = {act for row in TABLE.values() for act in row.values()} | set(DEFAULTS.values())
    assert used == set(Action)


def test_no_input_is_taken_while_an_answer_is_awaited() -> None:
    for state in (*WAITING, State.TLS, State.CLOSED):
        assert state not in TABLE


def test_stanzas_before_binding() -> None:
    for state in set(State) - {State.BOUND}:
        assert action(state, Input.STANZA) is Action.REFUSE_NOT_AUTHORIZED
        assert (action(state, Input.BIND) is Action.BIND) is (state is State.BINDING)
    assert action(State.BOUND, Input.STANZA) is Action.DELIVER


def test_sasl_once() -> None:
    assert {state for state in State if action(state, Input.AUTH) is Action.BEGIN_SASL} == {State.NEGOTIATING}
    assert {state for state in State if action(state, Input.STARTTLS) is Action.PROCEED} == {State.NEGOTIATING}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", Input.STARTTLS),
        (b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", Input.AUTH),
        (b"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", Input.RESPONSE),
        (b"<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", Input.ABORT),
        (b"<auth xmlns='urn:other'/>", Input.NONZA),
        (b"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", Input.CLOSE),
        (b"<stream:features/>", Input.NONZA),
        (b"<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", Input.BIND),
        (b"<iq type='get'><query xmlns='jabber:iq:register'/></iq>", Input.REGISTER),
        (b"<iq type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", Input.SESSION),
        (b"<iq type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", Input.STANZA),
        (b"<iq type='set'/>", Input.STANZA),
        (b"<message type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></message>", Input.STANZA),
        (b"<presence/>", Input.STANZA),
        (b"</stream:stream>", Input.CLOSE),
    ],
)
def test_classify(data: bytes, expected: Input) -> None:
    opened, event = Reader().feed(HEADER + data)
    assert isinstance(opened, StreamOpened)
    assert classify(opened) is Input.HEADER
    assert classify(event) is expected  # type: ignore[arg-type]
    assert isinstance(event, Stanza | StreamClosed) or expected not in (Input.BIND, Input.SESSION)
