"""XEP-0199: the empty result."""

from __future__ import annotations

from typing import Any

from natter.router.xeps import ping


def test_pong(ask: Any) -> None:
    assert ping.pong(ask(ping.PING)) == ()
