"""XEP-0313: an archive is asked by its owner only."""

from __future__ import annotations

from typing import Any

from natter.router.pipeline import decide
from natter.router.route.outcome import FORBIDDEN, UNAVAILABLE, Hand
from natter.router.route.view import Hosts
from natter.router.xeps import mam

ALICE = "alice@example.com"


def test_ones_own(people: Any, frames: Any, keeping: Hosts) -> None:
    for payload in mam.REQUESTS:
        for to in ("", ALICE):
            assert decide(frames.query(payload, to, type="set"), people, keeping) == (Hand("archive", ALICE),)


def test_somebody_elses(people: Any, frames: Any, keeping: Hosts) -> None:
    for payload in mam.REQUESTS:
        # Also where there is no such account.
        assert decide(frames.query(payload, "bob@example.com", type="set"), people, keeping) == FORBIDDEN
        assert decide(frames.query(payload, "example.com", type="set"), people, keeping) == UNAVAILABLE


def test_where_there_are_none(people: Any, frames: Any, hosts: Hosts) -> None:
    for payload in mam.REQUESTS:
        assert decide(frames.query(payload, "", type="set"), people, hosts) == UNAVAILABLE


def test_features() -> None:
    assert set(mam.features(search=True)) - set(mam.features(search=False)) == {"urn:xmpp:fulltext:0"}
    assert set(mam.features(search=False)) == {
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:mam:2#groupchat-field",
        "urn:xmpp:sid:0",
    }
