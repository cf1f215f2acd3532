"""How much XML a peer may send: the numbers the reader enforces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Each limit closes the stream with `policy-violation` when it is passed."""

    # One child of the stream root, with the white space before it. Counted before the parser sees the bytes.
    stanza_bytes_max: int = 256 * 1024
    # Elements inside each other, the stanza itself being 1.
    depth_max: int = 64
    # Elements of one stanza; or of everything while `total_bytes_max` is set.
    elements_max: int = 2000
    attributes_max: int = 128
    # Namespace declarations of one stanza.
    namespaces_max: int = 64
    # Everything until the limits are exchanged for others; 0: no such limit.
    total_bytes_max: int = 0


BEFORE_AUTHENTICATION: Final = Limits(stanza_bytes_max=8 * 1024, depth_max=8, elements_max=32, total_bytes_max=8 * 1024)
AFTER_AUTHENTICATION: Final = Limits()
