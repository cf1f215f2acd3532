"""XEP-0203: Delayed Delivery.  When a stanza was first sent."""

from __future__ import annotations

from .. import ns
from ..element import E, Element, append_child, attr_escape
from ..spec import Xep
from . import date_time

NS = ns.DELAY

XEP = Xep(203, "Delayed Delivery", version="2.0", status="partial", features=(NS,), note="history of rooms")


def delay(sender: str, stamp_us: int, reason: str = "") -> Element:
    """The <delay/> that `sender`, the delaying entity, puts on a stanza."""
    # XEP-0203 §2: 'stamp' in UTC, 'from' is who delayed it.
    return E(f"{{{NS}}}delay", {"from": sender, "stamp": date_time.render(stamp_us)}, *([reason] if reason else []))


def stamp(stamp_us: int, sender: str = "", reason: str = "") -> bytes:
    """`delay` as bytes; without `sender` where an element round it says who has delayed the stanza."""
    who = f" from='{attr_escape(sender)}'" if sender else ""
    head = f"<delay xmlns='urn:xmpp:delay'{who} stamp='{date_time.render(stamp_us)}'"
    return f"{head}>{attr_escape(reason)}</delay>".encode() if reason else f"{head}/>".encode()


def delayed(stanza: bytes, sender: str, stamp_us: int, reason: str = "") -> bytes:
    """`stanza` with the stamp of `sender`."""
    return append_child(stanza, stamp(stamp_us, sender, reason))


def find(stanza: Element, sender: str) -> int | None:
    """Unix microseconds of the stamp that `sender` put on `stanza`; None without a readable one."""
    for element in stanza.findall(f"{{{NS}}}delay"):
        if element.get("from") == sender:
            try:
                return date_time.parse(element.get("stamp", ""))
            except ValueError:
                return None
    return None
