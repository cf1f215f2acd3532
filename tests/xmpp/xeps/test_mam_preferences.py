"""XEP-0441: preferences as in its examples, and whom they mean."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse_document, render
from natter.xmpp.xeps import mam_preferences
from natter.xmpp.xeps.mam_preferences import Preferences, wants

ROMEO, IAGO = "romeo@montague.lit", "iago@venice.lit"


def test_there_and_back() -> None:
    said = (
        b'<prefs xmlns="urn:xmpp:mam:2" default="roster"><always><jid>romeo@montague.lit</jid></always>'
        b"<never><jid>iago@venice.lit</jid></never></prefs>"
    )
    prefs = mam_preferences.parse(parse_document(said))
    assert prefs == Preferences("roster", frozenset({ROMEO}), frozenset({IAGO}))
    assert render(mam_preferences.render(prefs)) == said


def test_lists_may_be_missing_and_are_always_told() -> None:
    prefs = mam_preferences.parse(parse_document(b"<prefs xmlns='urn:xmpp:mam:2' default='never'/>"))
    assert render(mam_preferences.render(prefs)).endswith(b'default="never"><always/><never/></prefs>')


@pytest.mark.parametrize("wrong", ["", " default='sometimes'"])
def test_a_default_is_needed(wrong: str) -> None:
    with pytest.raises(ValueError):
        mam_preferences.parse(parse_document(f"<prefs xmlns='urn:xmpp:mam:2'{wrong}/>".encode()))


def test_jids_are_jids_and_not_too_many() -> None:
    for jids in (["@"], [f"{n}@h" for n in range(mam_preferences.JIDS_MAX + 1)]):
        inside = "".join(f"<jid>{one}</jid>" for one in jids)
        said = f"<prefs xmlns='urn:xmpp:mam:2' default='always'><never>{inside}</never></prefs>"
        with pytest.raises(ValueError):
            mam_preferences.parse(parse_document(said.encode()))


@pytest.mark.parametrize(
    ("prefs", "resource", "wanted"),
    [
        (Preferences(), "x", True),
        (Preferences("never"), "x", False),
        (Preferences("never", always=frozenset({ROMEO})), "x", True),
        (Preferences("never", always=frozenset({f"{ROMEO}/x"})), "x", True),
        (Preferences("never", always=frozenset({f"{ROMEO}/x"})), "y", False),
        (Preferences("always", never=frozenset({ROMEO})), "", False),
        (Preferences("always", always=frozenset({ROMEO}), never=frozenset({ROMEO})), "", False),
        (Preferences("roster"), "x", True),
    ],
)
def test_whom_they_mean(prefs: Preferences, resource: str, wanted: bool) -> None:
    assert wants(prefs, ROMEO, resource, frozenset({ROMEO})) is wanted


def test_who_is_in_no_roster() -> None:
    assert not wants(Preferences("roster"), IAGO, "x", frozenset({ROMEO}))
