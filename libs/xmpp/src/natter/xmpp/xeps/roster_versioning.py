"""XEP-0237: Roster Versioning.  A roster is sent again only where it changed; the rosters live in services/presence."""

from __future__ import annotations

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.ROSTER_VERSIONING

XEP = Xep(237, "Roster Versioning", version="1.3", status="complete")


def stream_feature() -> Element:
    """What the stream features say (RFC 6121 §2.6.1)."""
    return E(f"{{{NS}}}ver")
