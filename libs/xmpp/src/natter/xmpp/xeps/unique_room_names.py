"""XEP-0307: Unique Room Names for Multi-User Chat.  A name for a new room that no other room has."""

from __future__ import annotations

from typing import Final

from ..element import E, Element
from ..spec import Xep

NS: Final = "http://jabber.org/protocol/muc#unique"

XEP = Xep(307, "Unique Room Names for Multi-User Chat", version="0.1.1", status="complete", features=(NS,))


def unique(name: str) -> Element:
    """The answer: the localpart of a room that does not exist (XEP-0307 §3)."""
    return E(f"{{{NS}}}unique", None, name)
