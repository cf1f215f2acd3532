"""`natter pseudonym`: the same hash as in spans and rows, never a key made on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from natter.runtime import pseudonyms
from natter.runtime.sections import TelemetrySection
from natter.runtime.users import CommandFailed
from natter.telemetry.identifiers import identifier, load_key, parse_key
from pydantic import SecretStr

KEY = "3:" + "ab" * 32


def test_it_is_what_spans_and_rows_have(tmp_path: Path) -> None:
    kept = load_key("", tmp_path / "pseudonym.key")
    key = pseudonyms.key_of("", TelemetrySection(), tmp_path)
    made = pseudonyms.pseudonym("alice@localhost/phone", key)
    assert made.text == identifier("alice@localhost/other", "pseudonym", kept)
    assert (made.number, made.epoch) == (kept.number("alice@localhost"), 1)
    assert int(made.text, 16) == made.number


def test_what_is_given_goes_before_what_is_configured_and_that_before_the_folder(tmp_path: Path) -> None:
    load_key("", tmp_path / "pseudonym.key")
    settings = TelemetrySection(pseudonym_key=SecretStr(KEY))
    assert pseudonyms.key_of("", settings, tmp_path) == parse_key(KEY)
    assert pseudonyms.key_of("9:" + "cd" * 32, settings, tmp_path).epoch == 9


def test_no_key_is_made_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="there is no key"):
        pseudonyms.key_of("", TelemetrySection(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CommandFailed, match="no pseudonym key"):
        pseudonyms.key_of("secret", TelemetrySection(), tmp_path)
    with pytest.raises(CommandFailed, match="no JID"):
        pseudonyms.pseudonym("alice", parse_key(KEY))


def test_the_next_key_unlinks() -> None:
    before = parse_key(KEY)
    after = parse_key(pseudonyms.next_key(before))
    assert after.epoch == 4
    assert pseudonyms.pseudonym("a@x", before).text != pseudonyms.pseudonym("a@x", after).text
