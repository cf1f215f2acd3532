"""PLAIN messages and authorization identities."""

from __future__ import annotations

import pytest
from natter.xmpp.sasl.failure import SASLError
from natter.xmpp.sasl.plain import PlainMessage, check_authzid, parse, prepare_username


def condition(message: bytes) -> str:
    with pytest.raises(SASLError) as error:
        parse(message)
    return error.value.condition


def test_parse() -> None:
    assert parse(b"\0Alice\0pass word") == PlainMessage("", "alice", "pass word")
    assert parse(b"alice@localhost\0alice\0p") == PlainMessage("alice@localhost", "alice", "p")
    assert parse("\0\u00c4\0\u00e9".encode()) == PlainMessage("", "\u00e4", "\u00e9")
    assert "canary" not in repr(parse(b"\0a\0canary"))


@pytest.mark.parametrize(
    "message", [b"", b"\0", b"\0\0", b"a", b"a\0b", b"\0a\0", b"\0\0p", b"\0a\0b\0c", b"\0a\0\xff"]
)
def test_malformed(message: bytes) -> None:
    assert condition(message) == "malformed-request"


@pytest.mark.parametrize("message", [b"\0a@b\0p", b"\0a b\0p", b"\0" + b"a" * 1024 + b"\0p"])
def test_names_nobody_can_have(message: bytes) -> None:
    assert condition(message) == "not-authorized"


def test_prepare_username() -> None:
    assert prepare_username("ALICE") == "alice"


def test_authzid() -> None:
    for own in ("", "alice@localhost", "Alice@LOCALHOST"):
        check_authzid(own, "alice@localhost")
    for other in ("bob@localhost", "alice", "alice@localhost/x", "alice@other", "@", "\x00"):
        with pytest.raises(SASLError) as error:
            check_authzid(other, "alice@localhost")
        assert error.value.condition == "invalid-authzid"
