"""XEP-0202: Entity Time.  The server's clock, in UTC."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import entity_time

from ..question import Question

TIME = f"{{{entity_time.NS}}}time"
FEATURES = entity_time.XEP.features


def time(question: Question) -> tuple[Element, ...]:
    """XEP-0202 §2: the moment of the answer."""
    return (entity_time.time(question.now_us),)
