"""XEP-0012: uptime."""

from __future__ import annotations

from typing import Any

from natter.router.xeps import last_activity
from natter.xmpp.xeps import last_activity as shapes


def test_uptime(ask: Any) -> None:
    assert shapes.parse(last_activity.uptime(ask(last_activity.QUERY))[0]) == (60, "")
