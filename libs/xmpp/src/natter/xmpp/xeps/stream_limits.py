"""XEP-0478: Stream Limits Advertisement.  How long a stanza may be and how long a stream may be silent."""

from __future__ import annotations

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.STREAM_LIMITS

XEP = Xep(478, "Stream Limits Advertisement", version="0.2.0", status="complete")


def stream_feature(*, stanza_bytes_max: int, idle_seconds_max: int = 0) -> Element:
    """What the stream features say; 0 idle seconds: not limited, left out."""
    limits = E(f"{{{NS}}}limits", None, E(f"{{{NS}}}max-bytes", None, str(stanza_bytes_max)))
    if idle_seconds_max:
        limits.append(E(f"{{{NS}}}idle-seconds", None, str(idle_seconds_max)))
    return limits
