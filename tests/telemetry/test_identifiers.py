"""Identifier policies, and the key they are made with."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from natter.telemetry.identifiers import Key, address, identifier, load_key, parse_key, random_key

KEY = Key(bytes(range(32)))
JID = "alice@example.org/phone"


def test_a_pseudonym_is_an_hmac_of_the_bare_jid() -> None:
    expected = hmac.new(KEY.secret, b"alice@example.org", hashlib.sha256).hexdigest()[:16]
    assert KEY.text(JID) == KEY.text("alice@example.org") == expected
    assert KEY.number(JID) == int(expected, 16)
    assert Key(b"x" * 32).text(JID) != expected
    assert KEY.number("") == 0 and KEY.text("") == ""


@pytest.mark.parametrize(
    ("policy", "jid", "ip"),
    [
        ("full", JID, "192.0.2.1"),
        ("pseudonym", KEY.text(JID), KEY.text("192.0.2.1")),
        ("domain", "example.org", ""),
        ("none", "", ""),
    ],
)
def test_policies(policy: str, jid: str, ip: str) -> None:
    assert identifier(JID, policy, KEY) == jid  # type: ignore[arg-type]
    assert address("192.0.2.1", policy, KEY) == ip  # type: ignore[arg-type]


def test_a_domain_stays_itself() -> None:
    assert identifier("conference.example.org", "domain", KEY) == "conference.example.org"
    assert identifier("room@conference.example.org/a@b", "domain", KEY) == "conference.example.org"


def test_the_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "below" / "pseudonym.key"
    first = load_key("", path)
    assert load_key("", path) == first and first.epoch == 1 and len(first.secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["pseudonym.key"]


def test_a_configured_key_wins_and_carries_its_epoch(tmp_path: Path) -> None:
    assert load_key("7:" + "ab" * 32, tmp_path / "k") == Key(b"\xab" * 32, 7)
    assert parse_key("ab" * 32) == Key(b"\xab" * 32, 1)
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("text", ["", "xyz", "1:abcd", "x:" + "ab" * 32])
def test_a_bad_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_key(text)


def test_random_keys_differ() -> None:
    assert random_key() != random_key()
