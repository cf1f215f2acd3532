"""XEP-0199: XMPP Ping.  An empty question whose answer shows that somebody is there."""

from __future__ import annotations

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.PING

XEP = Xep(199, "XMPP Ping", version="2.0.1", status="complete", features=(NS,))


def ping() -> Element:
    """The payload of a ping; the answer is an empty result (XEP-0199 §4)."""
    return E(f"{{{NS}}}ping")
