"""XEP-0486: MUC Avatars.  A room's picture, in the card that the room has (vcard-temp, XEP-0054)."""

from __future__ import annotations

import binascii
from hashlib import sha1
from typing import Final

from ..element import E, Element
from ..spec import Xep

NS: Final = "vcard-temp"
CARD: Final = f"{{{NS}}}vCard"

XEP = Xep(486, "MUC Avatars", version="0.1.0", status="complete", features=(NS,))


def empty() -> Element:
    """The card of a room that has none (XEP-0486 §3.2)."""
    return E(CARD)


def avatars(card: Element) -> tuple[str, ...]:
    """SHA-1 of each picture in a card, in hex. ValueError where one is not base64 (XEP-0153 §3.1)."""
    found = []
    for picture in card.findall(f"{{{NS}}}PHOTO/{{{NS}}}BINVAL"):
        text = "".join((picture.text or "").split())
        if text:
            try:
                raw = binascii.a2b_base64(text, strict_mode=True)
            except ValueError as error:
                raise ValueError("a picture is not base64") from error
            found.append(sha1(raw, usedforsecurity=False).hexdigest())
    return tuple(found)
