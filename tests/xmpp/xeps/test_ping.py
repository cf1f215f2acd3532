"""XEP-0199: the payload."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import ping


def test_ping() -> None:
    assert render(ping.ping()) == b'<ping xmlns="urn:xmpp:ping"/>'
