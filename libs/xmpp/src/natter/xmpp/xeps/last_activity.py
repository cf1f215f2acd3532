"""XEP-0012: Last Activity.  Seconds since a server's start, or since a session's last unavailable presence."""

from __future__ import annotations

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.LAST

XEP = Xep(12, "Last Activity", version="2.0", status="partial", features=(NS,), note="no query while a client is idle")


def query(seconds: int, status: str = "") -> Element:
    """The payload of an answer: whole seconds, and the last unavailable presence's status where there was one."""
    return E(f"{{{NS}}}query", {"seconds": str(seconds)}, *([status] if status else []))


def parse(element: Element) -> tuple[int, str]:
    """Seconds and status of an answer. ValueError where the seconds are no number."""
    return int(element.get("seconds", "")), element.text or ""
