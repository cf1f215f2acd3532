"""The receiving entity: a client's mistakes, each with its error, and the limits of time and size."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from natter.xmpp import ns
from natter.xmpp.sasl.keys import Keys
from natter.xmpp.stream.asks import (
    AuthenticationFailed,
    BindWanted,
    Closed,
    PlainWanted,
)
from natter.xmpp.stream.events import Nonza, Stanza
from natter.xmpp.stream.states import State
from scramp import ScramClient  # type: ignore[import-untyped]
from wire import (
    BIND,
    CHAT,
    CONFIG,
    OPEN,
    PLAIN,
    REGISTER,
    SALT,
    STARTTLS,
    Wire,
    auth,
    in_state,
    response,
    stanzas,
)

# --- mistakes and limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "condition"),
    [
        (OPEN.replace(b"to='localhost'", b"to='elsewhere'"), "host-unknown"),
        (OPEN.replace(b"to='localhost'", b""), "improper-addressing"),
        (OPEN.replace(b"'1.0' xmlns", b"'0.9' xmlns"), "unsupported-version"),
        (OPEN.replace(b"'jabber:client'", b"'jabber:server'"), "invalid-namespace"),
        (OPEN.replace(b"etherx", b"ether"), "invalid-namespace"),
        (b"GET / HTTP/1.1\r\n", "not-well-formed"),
        (b"<!DOCTYPE x>", "restricted-xml"),
        (OPEN.replace(b"<?xml version='1.0'?>", b"<?xml version='1.0' encoding='UTF-16'?>"), "unsupported-encoding"),
        (OPEN + b"<a xmlns='u'>" + b"<b>" * 9, "policy-violation"),
        (b" " * 9000, "policy-violation"),
    ],
)
def test_errors_come_behind_a_header(header: bytes, condition: str) -> None:
    wire = Wire()
    (closed,) = wire.send(header)
    assert isinstance(closed, Closed)
    assert closed.condition == condition
    assert wire.sent.startswith(b"<?xml version='1.0'?><stream:stream ")
    assert wire.sent.count(b"<stream:stream") == 1
    assert f"<stream:error><{condition} xmlns='{ns.STREAMS}'/>".encode() in wire.sent
    assert wire.sent.endswith(b"</stream:error></stream:stream>")


def test_who_opens_the_stream_is_answered() -> None:
    wire = Wire()
    wire.send(OPEN.replace(b"to='", b"from='Alice@localhost/x' to='"))
    assert b" to='alice@localhost' " in wire.read()
    wire = Wire()
    wire.send(OPEN.replace(b"to='", b"from='@' to='"))
    assert b" to='" not in wire.read()


@pytest.mark.parametrize(
    ("change", "condition"),
    [(b"to='elsewhere'", "host-unknown"), (b"from='bob@localhost' to='localhost'", "invalid-from")],
)
def test_another_address_after_sasl(change: bytes, condition: str) -> None:
    wire = Wire(answers=True)
    assert wire.send(OPEN + PLAIN + OPEN.replace(b"to='localhost'", change))[-1] == Closed(condition)
    wire = Wire(answers=True)
    wire.send(OPEN + PLAIN + OPEN.replace(b"to='", b"from='alice@localhost/x' to='"))
    assert wire.state is State.BINDING


def test_sasl_failures_end_the_stream() -> None:
    wire = Wire()
    wire.send(OPEN)
    wire.read()
    tries = [
        (auth("X-NONE"), "invalid-mechanism"),
        (auth("PLAIN", "bob@localhost\0alice\0secret"), "invalid-authzid"),
        (auth("PLAIN", "alice"), "malformed-request"),
    ]
    for data, condition in tries[:2]:
        (failed,) = wire.send(data)
        assert isinstance(failed, AuthenticationFailed)
        assert failed.condition == condition
        assert wire.read() == f"<failure xmlns='{ns.SASL}'><{condition}/></failure>".encode()
    assert [type(e) for e in wire.send(tries[2][0] + PLAIN)] == [AuthenticationFailed, Closed]
    assert b"<malformed-request/></failure><stream:error><policy-violation" in wire.read()


def test_wrong_password_unknown_user_and_trouble_of_ours() -> None:
    wire = Wire()
    wire.send(OPEN + PLAIN)
    assert wire.note(wire.stream.plain_result(False)) == [AuthenticationFailed("not-authorized", "PLAIN")]
    for _ in range(10):
        wire.send(PLAIN)
        wire.read()
        assert wire.note(wire.stream.plain_result(None)) == [AuthenticationFailed("temporary-auth-failure", "PLAIN")]
        assert wire.read() == f"<failure xmlns='{ns.SASL}'><temporary-auth-failure/></failure>".encode()
    client = ScramClient(["SCRAM-SHA-1"], "nobody", "secret")
    wire.send(auth("SCRAM-SHA-1", client.get_client_first()))
    wire.note(wire.stream.credentials(Keys(SALT, 4096, b"f" * 20, b"f" * 20)))
    client.set_server_first(base64.b64decode(wire.read().split(b">")[1].split(b"<")[0]).decode())
    assert wire.send(response(client.get_client_final())) == [AuthenticationFailed("not-authorized", "SCRAM-SHA-1")]
    wire.send(auth("SCRAM-SHA-1", "n,,n=alice,r=x"))
    assert wire.note(wire.stream.credentials(None)) == [AuthenticationFailed("temporary-auth-failure", "SCRAM-SHA-1")]


def test_nothing_in_the_clear() -> None:
    wire = Wire(secure=False)
    assert wire.send(OPEN + PLAIN) == [AuthenticationFailed("encryption-required", "")]
    assert wire.send(REGISTER) == [Closed("not-authorized")]
    wire = Wire(replace(CONFIG, tls_required=False), secure=False)
    assert wire.send(OPEN + PLAIN) == [PlainWanted("alice", "secret")]
    wire = Wire(replace(CONFIG, tls_required=False, tls_available=False), secure=False)
    assert wire.send(OPEN + STARTTLS) == [Closed()]
    assert Wire(replace(CONFIG, registration=False)).send(OPEN + REGISTER) == [Closed("not-authorized")]


def test_binding() -> None:
    wire = in_state(State.BINDING)
    wrong = [
        BIND.replace(b"'set'", b"'get'"),
        BIND.replace(b" id='b'", b""),
        BIND.replace(b"phone", b"a\x7f"),
        BIND.replace(b"</iq>", b"<x/></iq>"),
    ]
    for data in wrong:
        assert wire.send(data) == []
        assert b"<error type='modify'><bad-request" in wire.read()
    assert wire.send(BIND.replace(b"<resource>phone</resource>", b"")) == [BindWanted("alice", "")]
    assert wire.note(wire.stream.bind_refused("resource-constraint")) == []
    assert b"type='error' id='b'><error type='wait'><resource-constraint" in wire.read()
    assert wire.send(BIND.replace(b"phone", b"e\xcc\x81")) == [BindWanted("alice", "\u00e9")]


def test_from_is_ones_own() -> None:
    wire = in_state(State.BOUND)
    for own in (b"alice@localhost", b"alice@localhost/phone", b"ALICE@localhost/phone"):
        assert len(stanzas(wire.send(CHAT.replace(b" to", b" from='%b' to" % own)))) == 1
    for other in (b"bob@localhost", b"alice@localhost/tablet", b"localhost", b"", b"@"):
        wire = in_state(State.BOUND)
        events = wire.send(CHAT + CHAT.replace(b" to", b" from='%b' to" % other) + CHAT)
        assert stanzas(events) == [CHAT]
        assert events[-1] == Closed("invalid-from")


def test_nonzas_that_are_taken_and_errors_after_binding() -> None:
    wire = in_state(State.BOUND)
    (nonza,) = wire.send(b"<r xmlns='urn:xmpp:sm:3'/>")
    assert isinstance(nonza, Nonza)
    assert wire.send(b"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>") == [Closed()]
    wire = in_state(State.BOUND)
    assert [type(e) for e in wire.send(CHAT + b"<message><!-- -->")] == [Stanza, Closed]
    assert wire.read() == (
        b"<stream:error><restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    )


def test_time() -> None:
    wire = Wire(secure=False)
    assert wire.stream.deadline() == 30.0
    assert wire.send(OPEN + b" " * 10, now=29.9) == []
    assert wire.stream.tick(29.9) == []
    assert wire.send(b" ", now=30.0) == [Closed("connection-timeout")]
    assert wire.stream.deadline() is None

    wire = Wire(secure=False)
    wire.send(OPEN + STARTTLS)
    wire.read()
    assert wire.note(wire.stream.tick(30.0)) == [Closed("connection-timeout")]
    assert wire.read() == b"", "nothing in the middle of a handshake"

    wire = Wire(secure=False)
    wire.send(OPEN + STARTTLS)
    wire.stream.tls_established()
    assert wire.stream.deadline() == 60.0
    wire.send(OPEN + PLAIN)
    assert wire.note(wire.stream.tick(60.0)) == [Closed("connection-timeout")]
    assert wire.read().endswith(b"</stream:error></stream:stream>")
    assert wire.stream.plain_result(True) == []

    wire = in_state(State.BOUND)
    assert wire.stream.tick(1e9) == []


def test_what_waits_is_bounded() -> None:
    wire = in_state(State.PASSWORD)
    assert wire.send(b" " * 8000) == []
    assert wire.send(b" " * 200) == [Closed("policy-violation", "too many bytes")]
    wire = in_state(State.ASSIGNING)
    assert wire.send(CHAT * 1000) == []
    assert wire.send(b" " * 256 * 1024)[-1] == Closed("policy-violation", "too many bytes")


def test_the_owner_ends_the_stream() -> None:
    wire = in_state(State.BOUND)
    assert wire.note(wire.stream.terminate("system-shutdown", "bye")) == [Closed("system-shutdown", "bye")]
    assert b"<system-shutdown" in wire.read()
    assert wire.stream.terminate("conflict") == []
    wire = in_state(State.BOUND)
    wire.stream.connection_lost()
    assert (wire.send(CHAT), wire.stream.data_to_send(), wire.stream.terminate()) == ([], b"", [])


def test_an_idle_stream_goes_on() -> None:
    wire = in_state(State.BOUND)
    wire.send(CHAT)
    wire.stream.idle()
    assert stanzas(wire.send(b" " + CHAT)) == [CHAT]
