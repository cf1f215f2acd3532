"""XEP-0425: Moderated Message Retraction.  A moderator takes back what somebody else said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .. import ns
from ..element import Element, attr_escape
from ..spec import Xep
from . import retraction

NS: Final = "urn:xmpp:message-moderate:1"

XEP = Xep(425, "Moderated Message Retraction", version="0.3.0", status="complete", features=(NS,))

MODERATE: Final = f"{{{NS}}}moderate"


@dataclass(frozen=True, slots=True)
class Moderate:
    """What a moderator asks for: which message, and why."""

    id: str
    reason: str = ""


def parse(element: Element) -> Moderate:
    """The request of a <moderate/> (XEP-0425 §3). ValueError where it is malformed, or asks for anything but that."""
    if not element.get("id") or element.find(f"{{{retraction.NS}}}retract") is None:
        raise ValueError("not a retraction")
    return Moderate(element.get("id", ""), element.findtext(f"{{{NS}}}reason") or "")


def moderated(by: str, occupant_id: str, reason: str) -> str:
    """Who did it and why: what stands inside <retract/> and <retracted/> (XEP-0425 §3.1 and §4)."""
    id = f"<occupant-id xmlns='{ns.OCCUPANT_ID}' id='{attr_escape(occupant_id)}'/>"
    why = f"<reason>{attr_escape(reason)}</reason>" if reason else ""
    return f"<moderated xmlns='{NS}' by='{attr_escape(by)}'>{id}</moderated>{why}"


def announcement(id: str, inside: str) -> str:
    """The <retract/> that a room sends to everybody (XEP-0425 §3.1); `inside` is what `moderated` gives."""
    return f"<retract xmlns='{retraction.NS}' id='{attr_escape(id)}'>{inside}</retract>"
