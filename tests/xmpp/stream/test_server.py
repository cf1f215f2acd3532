"""The receiving entity: whole logins in every shape, and each state against each input."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natter.xmpp import ns
from natter.xmpp.stream.asks import (
    Answered,
    Authenticated,
    AuthenticationFailed,
    BindWanted,
    Closed,
    CredentialsWanted,
    PlainWanted,
    RegistrationIq,
    ResumeWanted,
    StartTls,
)
from natter.xmpp.stream.events import Nonza, Stanza
from natter.xmpp.stream.states import TABLE, WAITING, Action, Input, State, action
from scramp import ScramClient  # type: ignore[import-untyped]
from wire import (
    BIND,
    CHAT,
    CLOSE,
    OPEN,
    PLAIN,
    REGISTER,
    RESUME,
    SESSION,
    STARTTLS,
    STORED,
    Wire,
    abort,
    auth,
    in_state,
    response,
    stanzas,
)

# --- whole logins -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_login_with_tls_and_scram(mechanism: str) -> None:
    wire = Wire(secure=False)
    client = ScramClient([mechanism], "alice", "secret")
    assert wire.send(OPEN) == []
    assert wire.read().startswith(
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        b"from='localhost' id='id0' version='1.0' xml:lang='en'><stream:features><starttls"
    )
    assert wire.send(STARTTLS) == [StartTls()]
    assert wire.read() == b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    assert wire.stream.tls_established() == []
    wire.send(OPEN)
    assert f"<mechanism>{mechanism}</mechanism>".encode() in wire.read()
    assert wire.send(auth(mechanism, client.get_client_first())) == [CredentialsWanted("alice", mechanism)]
    wire.note(wire.stream.credentials(STORED[mechanism]))
    client.set_server_first(base64.b64decode(wire.read().split(b">")[1].split(b"<")[0]).decode())
    assert wire.send(response(client.get_client_final())) == [Authenticated("alice", mechanism)]
    client.set_server_final(base64.b64decode(wire.read().split(b">")[1].split(b"<")[0]).decode())
    wire.send(OPEN)
    assert b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>" in wire.read()
    assert wire.stream.jid == "alice@localhost"
    assert wire.send(BIND) == [BindWanted("alice", "phone")]
    wire.note(wire.stream.bound("alice@localhost/phone"))
    assert b"id='b'><bind" in wire.sent
    assert b"<jid>alice@localhost/phone</jid>" in wire.read()
    assert (wire.state, wire.stream.jid, wire.stream.deadline()) == (State.BOUND, "alice@localhost/phone", None)
    assert stanzas(wire.send(CHAT + b" <presence/>")) == [CHAT, b"<presence/>"]
    assert wire.send(CLOSE) == [Closed()]
    assert wire.read() == CLOSE


WHOLE = OPEN + PLAIN + OPEN + BIND + SESSION + b"<presence/>\n" + CHAT * 3 + b"<r xmlns='urn:xmpp:sm:3'/>" + CLOSE


def outcome(wire: Wire) -> list[object]:
    return [e.raw if isinstance(e, Stanza | Nonza) else e for e in wire.events]


def test_everything_in_one_packet() -> None:
    wire = Wire(answers=True)
    wire.send(WHOLE)
    assert sorted(map(str, outcome(wire))) == sorted(
        map(
            str,
            [
                *(PlainWanted("alice", "secret"), Authenticated("alice", "PLAIN"), BindWanted("alice", "phone")),
                Answered(b"<iq type='result' id='s'/>"),
                *(b"<presence/>", CHAT, CHAT, CHAT, b"<r xmlns='urn:xmpp:sm:3'/>", Closed()),
            ],
        )
    )
    assert wire.sent.endswith(b"</iq></stream:stream>")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_in_small_reads(size: int) -> None:
    one = Wire(answers=True)
    one.send(WHOLE)
    wire = Wire(answers=True)
    for start in range(0, len(WHOLE), size):
        wire.send(WHOLE[start : start + size])
    assert sorted(map(str, outcome(wire))) == sorted(map(str, outcome(one)))
    assert wire.sent == one.sent


@settings(max_examples=50)
@given(st.lists(st.integers(1, 300), max_size=20))
def test_in_reads_of_any_size_with_late_answers(sizes: list[int]) -> None:
    """Answers come when all input is there already: what was sent meanwhile waits for them."""
    one = Wire(answers=True)
    one.send(WHOLE)
    wire = Wire()
    data = WHOLE
    for size in [*sizes, len(data)]:
        wire.send(data[:size])
        data = data[size:]
    for _ in range(5):
        if wire.events:
            wire.answer(wire.events[-1])
    assert sorted(map(str, outcome(wire))) == sorted(map(str, outcome(one)))
    assert wire.sent == one.sent


def test_what_is_pipelined_behind_starttls_is_thrown_away() -> None:
    wire = Wire(secure=False)
    assert wire.send(OPEN + STARTTLS + OPEN + PLAIN) == [StartTls()]
    assert wire.send(OPEN + PLAIN) == []
    assert wire.stream.tls_established() == []
    assert wire.stream.secure
    wire.read()
    assert wire.send(OPEN) == []
    assert b"mechanisms" in wire.read()
    assert wire.send(PLAIN) == [PlainWanted("alice", "secret")]


def test_registration_and_then_login() -> None:
    wire = Wire(answers=True)
    assert stanzas([e.stanza for e in wire.send(OPEN + REGISTER) if isinstance(e, RegistrationIq)]) == [REGISTER]
    assert b"<register" in wire.sent
    assert wire.read().endswith(b"<iq type='result' id='r'/>")
    wire.send(REGISTER + PLAIN + OPEN + BIND)
    assert wire.state is State.BOUND


# --- the table --------------------------------------------------------------------------------------------------------

SAID = {
    Input.HEADER: b"<stream:stream/>",
    Input.STARTTLS: STARTTLS,
    Input.AUTH: PLAIN,
    Input.RESPONSE: response("\0alice\0secret"),
    Input.ABORT: abort(),
    Input.REGISTER: REGISTER,
    Input.BIND: BIND,
    Input.SESSION: SESSION,
    Input.STANZA: CHAT,
    Input.RESUME: RESUME,
    Input.MANAGE: b"<enable xmlns='urn:xmpp:sm:3'/>",
    Input.NONZA: b"<foo xmlns='urn:foo'/>",
    Input.CLOSE: CLOSE,
}


@pytest.mark.parametrize("given_", Input)
@pytest.mark.parametrize(
    "state", [state for state in State if state not in WAITING | {State.HEADER, State.TLS, State.CLOSED}]
)
def test_every_pair(state: State, given_: Input) -> None:
    wire = in_state(state)
    events = wire.send(SAID[given_])
    sent = wire.read()
    act = action(state, given_) if given_ is not Input.HEADER else Action.REFUSE_UNSUPPORTED
    match act:
        case Action.REFUSE_NOT_AUTHORIZED | Action.REFUSE_UNSUPPORTED:
            assert events == [Closed(act.value)]
            assert sent == f"<stream:error><{act.value} xmlns='{ns.STREAMS}'/></stream:error></stream:stream>".encode()
        case Action.REFUSE_STARTTLS:
            assert events == [Closed()]
            assert sent == f"<failure xmlns='{ns.TLS}'/></stream:stream>".encode()
        case Action.CLOSE:
            assert (events, sent) == ([Closed()], CLOSE)
        case Action.PROCEED:  # not over TLS again
            assert (events, sent) == ([Closed()], f"<failure xmlns='{ns.TLS}'/></stream:stream>".encode())
        case Action.BEGIN_SASL:
            assert events == [PlainWanted("alice", "secret")]
        case Action.CONTINUE_SASL:
            assert events == [AuthenticationFailed("malformed-request", "SCRAM-SHA-1")]
        case Action.ABORT_SASL:
            assert events == [AuthenticationFailed("aborted", "SCRAM-SHA-1")]
            assert b"<aborted/>" in sent
        case Action.SASL_OUT_OF_TURN:
            assert [type(e) for e in events] == [AuthenticationFailed]
            assert b"<malformed-request/>" in sent
            assert wire.state is State.NEGOTIATING
        case Action.REGISTER:
            assert [type(e) for e in events] == [RegistrationIq]
        case Action.BIND:
            assert events == [BindWanted("alice", "phone")]
        case Action.BIND_AGAIN:
            assert [type(e) for e in events] == [Answered]
            assert b"id='b'><error type='cancel'><not-allowed" in events[0].reply  # type: ignore[union-attr]
        case Action.SESSION:
            assert (events, sent) == ([Answered(b"<iq type='result' id='s'/>")], b"")
        case Action.DELIVER:
            assert stanzas(events) == [SAID[given_]]
        case Action.DELIVER_NONZA:
            wanted = [Closed("unsupported-stanza-type")] if given_ is Input.NONZA else [SAID[given_]]
            assert [e.raw if isinstance(e, Nonza) else e for e in events] == wanted
        case Action.RESUME:
            assert events == [ResumeWanted("alice", "old", 7)]
        case Action.REFUSE_MANAGEMENT:
            # XEP-0198 §3: told so; the stream goes on.
            assert (events, wire.state) == ([], state)
            assert sent == f"<failed xmlns='{ns.SM}'><unexpected-request xmlns='{ns.STANZAS}'/></failed>".encode()
        case _:
            raise AssertionError(act)


@pytest.mark.parametrize("given_", Input)
@pytest.mark.parametrize("state", [state for state in State if state in WAITING])
def test_input_waits_for_the_answer(state: State, given_: Input) -> None:
    wire = in_state(state)
    assert wire.send(SAID[given_]) == []
    assert (wire.state, wire.read()) == (state, b"")


@pytest.mark.parametrize("given_", Input)
@pytest.mark.parametrize("state", [State.TLS, State.CLOSED])
def test_deaf_states(state: State, given_: Input) -> None:
    wire = in_state(state)
    assert wire.send(SAID[given_]) == []
    assert (wire.state, wire.read()) == (state, b"")


def test_nothing_but_a_header_can_come_first() -> None:
    assert set(TABLE[State.HEADER]) == {Input.HEADER}
    for said in SAID.values():
        wire = in_state(State.HEADER)
        assert [type(e) for e in wire.send(said)] == [Closed]
        assert wire.read().startswith(b"<?xml version='1.0'?><stream:stream ")


ANSWERS = {
    State.TLS: lambda stream: stream.tls_established(),
    State.CREDENTIALS: lambda stream: stream.credentials(STORED["SCRAM-SHA-1"]),
    State.PASSWORD: lambda stream: stream.plain_result(True),
    State.REGISTERING: lambda stream: stream.registration_reply(b""),
    State.ASSIGNING: lambda stream: stream.bound("alice@localhost/x"),
    State.RESUMING: lambda stream: stream.resumed("alice@localhost/x", "old", 3),
}


@pytest.mark.parametrize("asked", ANSWERS)
@pytest.mark.parametrize("state", State)
def test_answers_fit_their_question(state: State, asked: State) -> None:
    wire = in_state(state)
    if state is State.CLOSED:
        assert ANSWERS[asked](wire.stream) == []
        assert wire.stream.bind_refused("conflict") == []
    elif state is asked:
        ANSWERS[asked](wire.stream)
        assert wire.state is not asked
    else:
        with pytest.raises(RuntimeError):
            ANSWERS[asked](wire.stream)


def test_a_former_stream_is_resumed_and_what_was_pipelined_is_read() -> None:
    wire = in_state(State.BINDING)
    assert wire.send(RESUME + CHAT) == [ResumeWanted("alice", "old", 7)]
    assert stanzas(wire.note(wire.stream.resumed("alice@localhost/phone", "old", 3))) == [CHAT]
    assert wire.read() == b"<resumed xmlns='urn:xmpp:sm:3' previd='old' h='3'/>"
    assert (wire.state, wire.stream.jid, wire.stream.deadline()) == (State.BOUND, "alice@localhost/phone", None)


def test_who_cannot_resume_may_bind() -> None:
    wire = in_state(State.BINDING)
    wire.send(RESUME + BIND)
    assert wire.note(wire.stream.resume_refused("item-not-found", 9)) == [BindWanted("alice", "phone")]
    failed = f"<failed xmlns='{ns.SM}' h='9'><item-not-found xmlns='{ns.STANZAS}'/></failed>"
    assert wire.read() == failed.encode()


@pytest.mark.parametrize("wrong", ["", "previd='x'", "h='1'", "previd='x' h='-1'", "previd='x' h='4294967296'"])
def test_a_resumption_that_cannot_be_read(wrong: str) -> None:
    wire = in_state(State.BINDING)
    assert wire.send(f"<resume xmlns='{ns.SM}' {wrong}/>".encode()) == []
    assert b"<bad-request" in wire.read()
    assert wire.state is State.BINDING


def test_a_stream_error_may_carry_its_detail() -> None:
    wire = in_state(State.BOUND)
    assert wire.note(wire.stream.terminate("undefined-condition", "", b"<x xmlns='y'/>")) == [
        Closed("undefined-condition")
    ]
    error = f"<stream:error><undefined-condition xmlns='{ns.STREAMS}'/><x xmlns='y'/></stream:error></stream:stream>"
    assert wire.read() == error.encode()
