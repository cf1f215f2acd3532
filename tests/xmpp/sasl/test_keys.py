"""Keys from passwords: the RFCs' examples, preparation, bounds."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from natter.xmpp.sasl.keys import (
    ITERATIONS_MAX,
    PASSWORD_BYTES_MAX,
    Keys,
    PasswordError,
    keys_for,
    prepare_password,
    verify_password,
)
from scramp import ScramMechanism  # type: ignore[import-untyped]

SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("mechanism", "salt", "auth", "proof", "signature"),
    [
        (  # RFC 5802 §5
            "SCRAM-SHA-1",
            "QSXCR+Q6sek8bf92",
            "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 §3
            "SCRAM-SHA-256",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_examples_of_the_rfcs(mechanism: str, salt: str, auth: str, proof: str, signature: str) -> None:
    name = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[mechanism]
    stored, server = keys_for("pencil", mechanism, base64.b64decode(salt), 4096)
    client_signature = hmac.digest(stored, auth.encode(), name)
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), client_signature, strict=True))
    assert hashlib.new(name, client_key).digest() == stored
    assert base64.b64encode(hmac.digest(server, auth.encode(), name)).decode() == signature


@pytest.mark.parametrize("password", ["secret", "p\u00e4ss w\u00f6rd", "\u2163", "\u00aa", "a\u00a0b"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_clients_come_to_the_same_keys(password: str, mechanism: str) -> None:
    _, stored, server, _ = ScramMechanism(mechanism).make_auth_info(password, iteration_count=4096, salt=SALT)
    assert keys_for(password, mechanism, SALT, 4096) == (stored, server)


def test_preparation() -> None:
    assert prepare_password("\u00a0") == b" "
    assert prepare_password("e\u0301") == "\u00e9".encode()
    assert prepare_password("Aa") == b"Aa"
    # Newer than the Unicode that SASLprep knows.
    assert prepare_password("\U0001f600x") == "\U0001f600x".encode()


@pytest.mark.parametrize("password", ["", "a\x00b", "a\nb", "\u00ad", "x" * (PASSWORD_BYTES_MAX + 1), "\ud800"])
def test_passwords_that_cannot_be(password: str) -> None:
    with pytest.raises(PasswordError):
        keys_for(password, "SCRAM-SHA-1", SALT, 4096)
    keys = Keys(SALT, 4096, *keys_for("x", "SCRAM-SHA-1", SALT, 4096))
    assert not verify_password(password, "SCRAM-SHA-1", keys)


@pytest.mark.parametrize(("salt", "iterations"), [(b"short", 4096), (SALT, 4095), (SALT, ITERATIONS_MAX + 1)])
def test_bounds(salt: bytes, iterations: int) -> None:
    with pytest.raises(ValueError):
        keys_for("x", "SCRAM-SHA-1", salt, iterations)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_verify(mechanism: str) -> None:
    keys = Keys(SALT, 4096, *keys_for("secret", mechanism, SALT, 4096))
    assert verify_password("secret", mechanism, keys)
    assert not verify_password("Secret", mechanism, keys)


def test_keys_are_in_no_text() -> None:
    assert "canary" not in repr(Keys(SALT, 4096, b"canary", b"canary"))
