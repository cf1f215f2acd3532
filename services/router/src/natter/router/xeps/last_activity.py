"""XEP-0012: Last Activity.  Of the server: how long it has been running."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import last_activity

from ..question import Question

QUERY = f"{{{last_activity.NS}}}query"
FEATURES = last_activity.XEP.features


def uptime(question: Question) -> tuple[Element, ...]:
    """XEP-0012 §5: seconds since the server started."""
    return (last_activity.query(max(0, question.now_us - question.server.started_us) // 1_000_000),)
