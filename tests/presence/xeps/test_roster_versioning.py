"""XEP-0237 and RFC 6121 §2.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


def get(anne: Any, ver: str) -> list[bytes]:
    anne.heard.clear()
    anne.asks("get", f"<query xmlns='jabber:iq:roster' ver='{ver}'/>")
    return list(anne.heard)


def full(anne: Any) -> Any:
    for name in "abcd":
        anne.sets(f"<item jid='{name}@x'/>")
    return anne


def test_unchanged_is_an_empty_result(actor: Make) -> None:
    anne = full(actor("anne"))
    version = anne.user.roster.version
    assert get(anne, str(version)) == [b"<iq type='result' id='q1' to='anne@natter.test/r'/>"]


def test_only_what_changed_is_pushed(actor: Make) -> None:
    anne = full(actor("anne"))
    version = anne.user.roster.version
    anne.sets("<item jid='b@x' name='B'/>")
    anne.sets("<item jid='c@x' subscription='remove'/>")
    anne.sets("<item jid='b@x' name='B2'/>")
    result, removed, renamed = get(anne, str(version))
    assert result.endswith(b"/>")
    assert b"jid='c@x' subscription='remove'" in removed
    assert b"name='B2'" in renamed and f"ver='{anne.user.roster.version}'".encode() in renamed


@pytest.mark.parametrize("ver", ["", "x", "-1", "99999999999", "٣", "1" * 30])
def test_an_unknown_version_gets_the_whole(actor: Make, ver: str) -> None:
    anne = full(actor("anne"))
    (whole,) = get(anne, ver)
    assert whole.count(b"<item") == 4
    assert f"ver='{anne.user.roster.version}'".encode() in whole


def test_many_changes_get_the_whole(actor: Make) -> None:
    anne = full(actor("anne"))
    (whole,) = get(anne, "0")
    assert whole.count(b"<item") == 4


def test_asking_with_a_version_is_interest_too(actor: Make) -> None:
    anne = actor("anne", interested=False)
    get(anne, "")
    assert anne.user.interested()


def test_what_clients_cannot_see_makes_no_version(actor: Make) -> None:
    anne = full(actor("anne"))
    version = anne.user.roster.version
    anne.hears("stranger@natter.test", "subscribe")
    assert anne.user.roster.version == version
