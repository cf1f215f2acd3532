"""XEP-0202: the clock."""

from __future__ import annotations

from typing import Any

from natter.router.xeps import entity_time
from natter.xmpp.xeps import entity_time as shapes


def test_time(ask: Any) -> None:
    assert shapes.parse(entity_time.time(ask(entity_time.TIME))[0]) == 61_000_000
