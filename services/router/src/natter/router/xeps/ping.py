"""XEP-0199: XMPP Ping.  Client to server."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import ping

from ..question import Question

PING = f"{{{ping.NS}}}ping"
FEATURES = ping.XEP.features


def pong(question: Question) -> tuple[Element, ...]:
    """XEP-0199 §4.2: an empty result."""
    return ()
