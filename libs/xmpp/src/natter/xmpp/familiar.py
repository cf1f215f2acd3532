"""Which names lxml has been shown before. libxml2 keeps every name of a thread's documents until the thread ends."""

from __future__ import annotations

import re
from typing import Final

# Enough for all extensions there are; what a peer invents beyond that is parsed where it leaves nothing behind.
KNOWN_NAMES_MAX: Final = 16_384
KNOWN_NAME_BYTES_MAX: Final = 128

# Possessive and anchored: linear in the length of the document whatever it is.
_NAMES: Final = (
    re.compile(rb"<([^\s/>!?]+)"),
    re.compile(rb"\s([^\s<>='\"/]++)\s*+=\s*+['\"]"),
    re.compile(rb"xmlns(?::[^\s=:]{1,128}+)?\s*+=\s*+['\"]([^'\"]*+)"),
)
# White space between tags is kept as a name is.
_BLANKS: Final = re.compile(rb">\s{8,}+<")


class Familiar:
    """A bounded set of the names of elements, attributes and namespaces that documents have used."""

    __slots__ = ("_known", "_names_max")

    def __init__(self, names_max: int = KNOWN_NAMES_MAX) -> None:
        self._known: set[bytes] = set()
        self._names_max = names_max

    def __call__(self, document: bytes) -> bool:
        """Whether `document` adds nothing to what is kept, or something that there is still room for."""
        if _BLANKS.search(document):
            return False
        new: set[bytes] = set()
        for pattern in _NAMES:
            found = pattern.findall(document)
            if not self._known.issuperset(found):
                new.update(found)
        new -= self._known
        if not new:
            return True
        if len(self._known) + len(new) > self._names_max or max(map(len, new)) > KNOWN_NAME_BYTES_MAX:
            return False
        self._known |= new
        return True
