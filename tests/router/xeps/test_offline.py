"""XEP-0160 §4: what the server says of itself; XEP-0013: who answers what is asked about messages that wait."""

from __future__ import annotations

from typing import Any

from natter.router.pipeline import decide
from natter.router.route.outcome import ANSWER, FORBIDDEN, UNAVAILABLE, Hand
from natter.router.route.view import Hosts
from natter.router.xeps import offline
from natter.xmpp.xeps import flexible_offline

ALICE, BOB = "alice@example.com", "bob@example.com"


def test_features() -> None:
    assert offline.FEATURES == ("msgoffline", "http://jabber.org/protocol/offline")
    assert {"{http://jabber.org/protocol/offline}offline"} == offline.REQUESTS


def test_ones_own_and_somebody_elses(people: Any, frames: Any, keeping: Hosts, hosts: Hosts) -> None:
    for payload in offline.REQUESTS:
        for to in ("", ALICE):
            assert decide(frames.query(payload, to), people, keeping) == (Hand("archive", ALICE),)
        assert decide(frames.query(payload, BOB), people, keeping) == FORBIDDEN
        assert decide(frames.query(payload, ""), people, hosts) == UNAVAILABLE


def test_service_discovery_of_what_waits(people: Any, frames: Any, keeping: Hosts, hosts: Hosts) -> None:
    for payload in (flexible_offline.INFO, flexible_offline.ITEMS):
        asked = frames.query(payload, "")
        assert decide(asked, people, keeping) == ANSWER
        asked.stanza = asked.stanza.replace(b"/>", f" node='{flexible_offline.NS}'/>".encode(), 1)
        assert decide(asked, people, keeping) == (Hand("archive", ALICE),)
        assert decide(asked, people, hosts) == ANSWER
        asked.to = "example.com"
        assert decide(asked, people, keeping) == ANSWER
