"""XEP-0359: Unique and Stable Stanza IDs.  What an archive calls a message, on every copy of it."""

from __future__ import annotations

from .. import ns
from ..element import append_child, attr_escape, parse, remove, render
from ..spec import Xep

NS = ns.STANZA_IDS

XEP = Xep(359, "Unique and Stable Stanza IDs", version="0.7.0", status="complete", features=(NS,))

_STANZA_ID = f"{{{NS}}}stanza-id"
_ORIGIN_ID = f"{{{NS}}}origin-id"


def stamped(stanza: bytes, by: str, id: str) -> bytes:
    """`stanza` with the id that the archive of `by` has given it."""
    # XEP-0359 §3.1: 'id' and 'by', and nothing inside.
    child = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{attr_escape(by)}' id='{attr_escape(id)}'/>"
    return append_child(stanza, child.encode())


def without(stanza: bytes, *by: str) -> bytes:
    """`stanza` without the ids that somebody else wrote in the name of these addresses.

    Only where its traits say that there is a <stanza-id/>: this takes the stanza apart.
    """
    element = parse(stanza)
    # XEP-0359 §3.1: an entity deletes what claims to be its own, even if it adds no id itself.
    forged = [child for child in element.findall(_STANZA_ID) if child.get("by", "").strip() in by]
    if not forged:
        return stanza
    for child in forged:
        remove(child)
    return render(element)


def find(stanza: bytes, by: str) -> str | None:
    """The id that `by` has given `stanza`; None where there is none."""
    for child in parse(stanza).findall(_STANZA_ID):
        if child.get("by") == by:
            return child.get("id")
    return None


def origin(stanza: bytes) -> str:
    """The id that its author gave it, "" where there is none."""
    child = parse(stanza).find(_ORIGIN_ID)
    return "" if child is None else child.get("id", "")
