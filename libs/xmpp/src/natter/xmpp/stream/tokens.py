"""A token that a read left unfinished: what may be refused at once, and how long to keep it from the parser.

libexpat scans an unfinished token again from its start with every read, so a long attribute in small reads costs the
square of its length. Once a token is longer than `SHORT_BYTES_MAX` its bytes are kept back until its end is there.
"""

from __future__ import annotations

import re
from typing import Final

# A shorter unfinished token goes to the parser with every read: rescanning it is cheap.
SHORT_BYTES_MAX: Final = 512
# Longest character or entity reference that is waited for.
_REFERENCE_BYTES_MAX: Final = 32
_XML_DECLARATION: Final = b"<?xml"
_MARK: Final = re.compile(rb"['\">]")


def verdict(token: bytes, *, first: bool) -> str:
    """The stream error that the beginning of an unfinished token calls for, or "". `first`: it starts the stream."""
    # RFC 6120 §11.1: no comments, processing instructions, DTD or entity references. Not waited for until they end.
    if token.startswith((b"<!-", b"<!D")):
        return "restricted-xml"
    if token.startswith(b"<?"):
        return "" if first and _XML_DECLARATION.startswith(token[:5]) else "restricted-xml"
    if token.startswith(b"&") and len(token) > _REFERENCE_BYTES_MAX:
        return "restricted-xml"
    return ""


class HeldToken:
    """A long unfinished tag, the part that the parser has not seen."""

    __slots__ = ("_bytes", "_quote", "_values_left")

    def __init__(self, values_max: int) -> None:
        """`values_max`: quoted values one tag may have."""
        self._bytes = bytearray()
        self._quote = b""
        self._values_left = values_max

    @property
    def size(self) -> int:
        """Bytes kept."""
        return len(self._bytes)

    def add(self, data: bytes) -> bool:
        """Keep `data`; whether the tag ends in it. Raises OverflowError as `scan` does."""
        self._bytes += data
        return self.scan(data)

    def take(self) -> bytes:
        """All that was kept."""
        return bytes(self._bytes)

    def scan(self, data: bytes) -> bool:
        """Whether the tag ends in `data`, the bytes behind those scanned before. Each byte is looked at once.

        Raises OverflowError when the tag has more values than it may have.
        """
        at = 0
        while True:
            if self._quote:
                at = data.find(self._quote, at) + 1
                if at == 0:
                    return False
                self._quote = b""
            mark = _MARK.search(data, at)
            if mark is None:
                return False
            if mark[0] == b">":
                return True
            self._values_left -= 1
            if self._values_left < 0:
                raise OverflowError
            self._quote = mark[0]
            at = mark.end()
