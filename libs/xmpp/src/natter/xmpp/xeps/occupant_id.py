"""XEP-0421: Occupant identifiers for semi-anonymous MUCs.  Who somebody in a room is, whatever the nickname."""

from __future__ import annotations

from .. import ns
from ..spec import Xep

NS = ns.OCCUPANT_ID

XEP = Xep(421, "Occupant identifiers for semi-anonymous MUCs", version="1.0.1", status="complete", features=(NS,))


def occupant_id(value: str) -> bytes:
    """The element, which every message and presence of a room carries (XEP-0421 §4). `value` has nothing to escape."""
    return f"<occupant-id xmlns='{NS}' id='{value}'/>".encode()
