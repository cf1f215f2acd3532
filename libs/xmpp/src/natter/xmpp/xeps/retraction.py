"""XEP-0424: Message Retraction.  Taking back what was said, and what stands in its place."""

from __future__ import annotations

from typing import Final

from ..element import Element, attr_escape
from ..spec import Xep
from . import date_time

NS: Final = "urn:xmpp:message-retract:1"
TOMBSTONE: Final = f"{NS}#tombstone"

XEP = Xep(424, "Message Retraction", version="0.4.2", status="partial", features=(NS, TOMBSTONE), note="in rooms")


def find(message: Element) -> str:
    """The id of the message that this one takes back; "" where it takes none back (XEP-0424 §3)."""
    element = message.find(f"{{{NS}}}retract")
    return "" if element is None else element.get("id", "")


def retracted(stamp_us: int, *, id: str = "", inside: str = "") -> str:
    """What stands in the place of a message: when, by which message, and what else is to be said (XEP-0424 §4)."""
    by = f" id='{attr_escape(id)}'" if id else ""
    return f"<retracted xmlns='{NS}' stamp='{date_time.render(stamp_us)}'{by}>{inside}</retracted>"
