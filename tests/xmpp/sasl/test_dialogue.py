"""One attempt to authenticate, mechanism by mechanism."""

from __future__ import annotations

import base64

import pytest
from natter.xmpp.sasl.dialogue import Challenge, CredentialsWanted, Dialogue, PlainWanted, Success
from natter.xmpp.sasl.failure import SASLError
from natter.xmpp.sasl.keys import Keys, keys_for
from scramp import ScramClient  # type: ignore[import-untyped]

OFFERED = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
SALT = bytes(range(16))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def dialogue() -> Dialogue:
    return Dialogue("localhost", lambda: "servernonce")


def failed(mechanism: str, text: str, offered: tuple[str, ...] = OFFERED) -> str:
    with pytest.raises(SASLError) as error:
        dialogue().begin(mechanism, text, offered)
    return error.value.condition


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
@pytest.mark.parametrize("initial", [True, False])
def test_scram(mechanism: str, initial: bool) -> None:
    client = ScramClient([mechanism], "alice", "secret")
    talk = dialogue()
    first = encoded(client.get_client_first())
    if initial:
        step = talk.begin(mechanism, first, OFFERED)
    else:
        assert talk.begin(mechanism, "", OFFERED) == Challenge(b"")
        step = talk.respond(first)
    assert step == CredentialsWanted("alice", mechanism)
    challenge = talk.credentials(Keys(SALT, 4096, *keys_for("secret", mechanism, SALT, 4096)))
    client.set_server_first(challenge.payload.decode())
    success = talk.respond(encoded(client.get_client_final()))
    assert isinstance(success, Success)
    client.set_server_final(success.payload.decode())
    assert (talk.username, talk.mechanism) == ("alice", mechanism)


@pytest.mark.parametrize("authzid", ["", "alice@localhost"])
def test_plain(authzid: str) -> None:
    message = encoded(f"{authzid}\0Alice\0secret")
    assert dialogue().begin("PLAIN", message, OFFERED) == PlainWanted("alice", "secret")
    talk = dialogue()
    assert talk.begin("PLAIN", "", OFFERED) == Challenge(b"")
    assert talk.respond(message) == PlainWanted("alice", "secret")


def test_refused_at_once() -> None:
    assert failed("PLAIN", encoded("\0alice\0x"), ("SCRAM-SHA-1",)) == "invalid-mechanism"
    assert failed("SCRAM-SHA-256-PLUS", "") == "invalid-mechanism"
    assert failed("", "") == "invalid-mechanism"
    assert failed("PLAIN", "!") == "incorrect-encoding"
    assert failed("PLAIN", "=") == "malformed-request"
    assert failed("SCRAM-SHA-1", "=") == "malformed-request"
    assert failed("PLAIN", encoded("bob@localhost\0alice\0x")) == "invalid-authzid"
    assert failed("SCRAM-SHA-1", encoded("n,a=bob@localhost,n=alice,r=x")) == "invalid-authzid"
    assert failed("SCRAM-SHA-1", encoded("p=tls-exporter,,n=alice,r=x")) == "malformed-request"


def test_an_empty_response() -> None:
    for mechanism in OFFERED:
        talk = dialogue()
        talk.begin(mechanism, "", OFFERED)
        with pytest.raises(SASLError) as error:
            talk.respond("")
        assert error.value.condition == "malformed-request"
