"""XEP-0202: Entity Time.  The moment and the time zone of an entity."""

from __future__ import annotations

from .. import ns
from ..element import E, Element
from ..spec import Xep
from . import date_time

NS = ns.TIME

XEP = Xep(202, "Entity Time", version="2.0", status="complete", features=(NS,))


def time(utc_us: int, *, offset_minutes: int = 0) -> Element:
    """The payload of an answer. A server says UTC: its place is nobody's business."""
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    return E(
        f"{{{NS}}}time",
        None,
        E(f"{{{NS}}}tzo", None, f"{sign}{hours:02}:{minutes:02}"),
        E(f"{{{NS}}}utc", None, date_time.render(utc_us)),
    )


def parse(element: Element) -> int:
    """Unix microseconds of an answer. ValueError where it has none."""
    return date_time.parse(element.findtext(f"{{{NS}}}utc") or "")
