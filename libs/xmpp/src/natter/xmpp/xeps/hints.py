"""XEP-0334: Message Processing Hints.  What an author wishes to become of a message."""

from __future__ import annotations

from typing import Final

from .. import ns
from ..spec import Xep
from ..traits import Trait

NS = ns.HINTS

XEP = Xep(334, "Message Processing Hints", version="1.0.0", status="complete", features=(NS,))

# Plain numbers: an operation on IntFlag costs 0.7 µs, and every message is asked.
_NEVER: Final = int(Trait.NO_PERMANENT_STORE | Trait.NO_STORE)
_NO_STORE: Final = int(Trait.NO_STORE)
_NO_COPY: Final = int(Trait.NO_COPY)


def may_archive(traits: int) -> bool:
    """Whether its author lets a message be kept for good."""
    # XEP-0334 §4.1 and §4.2.
    return not traits & _NEVER


def may_wait(traits: int) -> bool:
    """Whether its author lets a message wait for a recipient who is not there."""
    # XEP-0334 §4.2: not even for a time.
    return not traits & _NO_STORE


def may_copy(traits: int, to: str) -> bool:
    """Whether others than `to` may get the message."""
    # XEP-0334 §4.3: only what is for a full JID may ask for it.
    return not (traits & _NO_COPY and "/" in to)
