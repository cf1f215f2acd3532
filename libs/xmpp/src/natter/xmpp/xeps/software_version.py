"""XEP-0092: Software Version.  Name and version of the software behind an entity."""

from __future__ import annotations

from dataclasses import dataclass

from .. import ns
from ..element import E, Element
from ..spec import Xep

NS = ns.VERSION

XEP = Xep(92, "Software Version", version="1.1", status="complete", features=(NS,))


@dataclass(frozen=True, slots=True)
class Software:
    """`os` "" where it is not told (XEP-0092 §6)."""

    name: str
    version: str
    os: str = ""


def query(software: Software) -> Element:
    """The payload of an answer."""
    element = E(
        f"{{{NS}}}query",
        None,
        E(f"{{{NS}}}name", None, software.name),
        E(f"{{{NS}}}version", None, software.version),
    )
    if software.os:
        element.append(E(f"{{{NS}}}os", None, software.os))
    return element


def parse(element: Element) -> Software:
    """What an answer says."""
    return Software(
        element.findtext(f"{{{NS}}}name") or "",
        element.findtext(f"{{{NS}}}version") or "",
        element.findtext(f"{{{NS}}}os") or "",
    )
