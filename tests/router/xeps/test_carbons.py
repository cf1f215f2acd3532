"""XEP-0280: enabling and disabling are answered with nothing, as often as they are asked for."""

from __future__ import annotations

from typing import Any

from natter.router.pipeline import decide
from natter.router.route.outcome import ANSWER, UNAVAILABLE
from natter.router.route.view import Hosts
from natter.router.xeps import carbons


def test_done(ask: Any) -> None:
    assert carbons.done(ask(carbons.ENABLE)) == ()


def test_only_as_a_set_and_for_oneself(people: Any, frames: Any, hosts: Hosts) -> None:
    for payload in (carbons.ENABLE, carbons.DISABLE):
        assert decide(frames.query(payload, type="set"), people, hosts) == ANSWER
        assert decide(frames.query(payload, type="get"), people, hosts) == UNAVAILABLE
        assert decide(frames.query(payload, "bob@example.com", type="set"), people, hosts) == UNAVAILABLE
