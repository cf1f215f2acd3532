"""Cuts through XML text that expat has accepted: where a start tag ends, its attributes as written, some text."""

from __future__ import annotations

import pyexpat
import re
from dataclasses import dataclass
from typing import Any, Final

# Possessive: linear in the length of the tag whatever stands in it.
_START_TAG: Final = re.compile(rb"<[^>'\"]*+(?:'[^']*+'[^>'\"]*+|\"[^\"]*+\"[^>'\"]*+)*+>")
_NAME: Final = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE: Final = re.compile(rb"([^\s='\"<>/]++)\s*+=\s*+('[^']*+'|\"[^\"]*+\")")


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag as written. Attribute values have their quotes round them; `end` is the index behind '>'."""

    name: bytes
    attributes: list[tuple[bytes, bytes]]
    end: int
    empty: bool


def end_of_start_tag(element: bytes, start: int = 0) -> int:
    """The index behind the '>' that ends the start tag at `start`."""
    match = _START_TAG.match(element, start)
    if match is None:
        raise ValueError("no start tag")
    return match.end()


def start_tag(element: bytes) -> StartTag:
    """The start tag that `element` begins with."""
    end = end_of_start_tag(element)
    name = _NAME.match(element)
    assert name is not None
    attributes = _ATTRIBUTE.findall(element, name.end(), end)
    return StartTag(name[1], attributes, end, element.endswith(b"/>", 0, end))


def text_at(document: bytes, *path: str) -> str:
    """Character data directly inside the element that `path` leads to, "" where there is none.

    `document` is a root that need not end, with the element that the path starts from as its first child. The path's
    names are "namespace}local"; the first element of each name is followed.
    """
    wanted: tuple[str | None, ...] = (None, None, *path)
    depth = matched = 0
    pieces: list[str] = []

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, matched
        if depth == matched < len(wanted) and wanted[depth] in (None, name):
            matched += 1
        depth += 1

    def ended(name: str) -> None:
        nonlocal depth, matched
        depth -= 1
        if depth < matched:
            # The first match was all there is: what follows may not match again.
            matched = -1

    def text(data: str) -> None:
        if depth == matched == len(wanted):
            pieces.append(data)

    parser: Any = pyexpat.ParserCreate("UTF-8", "}")
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text
    parser.Parse(document)
    return "".join(pieces)


def namespaces_declared(document: bytes) -> int:
    """How many namespace declarations stand below the root of an unfinished `document`."""
    depth = below = 0

    def declared(prefix: str | None, uri: str | None) -> None:
        nonlocal below
        below += depth > 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1

    parser: Any = pyexpat.ParserCreate("UTF-8", "}")
    parser.StartNamespaceDeclHandler = declared
    parser.StartElementHandler = started
    parser.Parse(document)
    return below
