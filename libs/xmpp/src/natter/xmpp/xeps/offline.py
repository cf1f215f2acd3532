"""XEP-0160: Best Practices for Handling Offline Messages.  The stamp of a message that has waited."""

from __future__ import annotations

from ..spec import Xep
from . import delay

# XEP-0160 §4: what disco#info says.
FEATURE = "msgoffline"

XEP = Xep(160, "Best Practices for Handling Offline Messages", version="1.0.1", status="complete", features=(FEATURE,))


def waited(stanza: bytes, domain: str, since_us: int) -> bytes:
    """`stanza` as it is handed over by the server of `domain`, which has had it since then."""
    # XEP-0160 §2: the time at which it was stored, from the server that has stored it.
    return delay.delayed(stanza, domain, since_us, "Offline Storage")
