"""XEP-0297: Stanza Forwarding.  A stanza inside another one, and when it was received."""

from __future__ import annotations

from .. import ns
from ..element import embedded
from ..spec import Xep
from . import delay

NS = ns.FORWARD

XEP = Xep(297, "Stanza Forwarding", version="1.0", status="complete", note="inside archive results and carbons")


def forwarded(stanza: bytes, stamp_us: int | None = None) -> bytes:
    """The <forwarded/> round `stanza`, with the time at which the server received it."""
    # XEP-0297 §3.1: the namespace of the forwarded stanza is kept, so it has to be said; <delay/> comes first.
    stamp = b"" if stamp_us is None else delay.stamp(stamp_us)
    return b"<forwarded xmlns='urn:xmpp:forward:0'>%b%b</forwarded>" % (stamp, embedded(stanza))
