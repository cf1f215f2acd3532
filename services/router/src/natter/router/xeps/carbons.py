"""XEP-0280: Message Carbons.  The answer to who wants them or not: the gateway has put it into the directory."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import carbons

from ..question import Question

ENABLE = carbons.ENABLE
DISABLE = carbons.DISABLE
FEATURES = carbons.XEP.features


def done(question: Question) -> tuple[Element, ...]:
    """XEP-0280 §4, §5: an empty result, however often it is asked for (§9.1)."""
    return ()
