"""What the server stream asks of its owner."""

from __future__ import annotations

from natter.xmpp.stream.asks import Closed, CredentialsWanted, PlainWanted


def test_a_password_is_in_no_text() -> None:
    asked = PlainWanted("alice", "canary-password")
    assert asked.password == "canary-password"
    assert "canary" not in repr(asked) + str(asked) + f"{[asked]}"


def test_values() -> None:
    assert CredentialsWanted("a", "SCRAM-SHA-1") == CredentialsWanted("a", "SCRAM-SHA-1")
    assert Closed() == Closed("", "")
