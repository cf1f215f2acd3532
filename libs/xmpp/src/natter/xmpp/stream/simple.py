"""Messages of the commonest shape, recognised by one regular expression. A measured hot path: a third of expat's price.

What matches is well-formed whatever the stream's parser has seen before: plain attributes, a body, a few small children
that declare their namespace. Everything else, and everything in doubt, is expat's. tests/xmpp/stream/test_simple.py
compares the two.
"""

from __future__ import annotations

import re
from typing import Final

from .. import ns
from .events import ReaderEvent, Scope, Stanza
from .limits import Limits

CHILDREN_MAX: Final = 6
# No markup, no references in attributes (the value is the text), no control characters, no '>' (it could end "]]>").
_VALUE: Final = rb"(?:'[^'<&\x00-\x1f]*+'|\"[^\"<&\x00-\x1f]*+\")"
_TEXT: Final = rb"(?:[^<>&\x00-\x08\x0b-\x1f]++|&(?:amp|lt|gt|quot|apos);)*+"
# `(?(n)(?!)|…)`: an attribute that was there before is none of ours (XML 1.0 §3.1: each once).
_ATTRIBUTES: Final = b"".join(
    (
        rb"(?: (?:(?(1)(?!)|to=(%b))" % _VALUE,
        rb"|(?(2)(?!)|type=(%b))" % _VALUE,
        rb"|(?(3)(?!)|id=(%b))" % _VALUE,
        rb"|(?(4)(?!)|xml:lang=(%b))))*+" % _VALUE,
    )
)
_NAME: Final = rb"[A-Za-z][A-Za-z0-9\-]{0,31}"
# Not a namespace that XML keeps for itself (Namespaces in XML 1.0 §3).
_NAMESPACE: Final = rb"(?!http://www\.w3\.org/)[A-Za-z0-9:/.#@+_\-]{1,128}"
_CHILD: Final = rb"<(%b) xmlns=(?:'%b'|\"%b\")(?: id=%b)?+(?:/>|>%b</\g>)" % (
    _NAME,
    _NAMESPACE,
    _NAMESPACE,
    _VALUE,
    _TEXT,
)
# The groups: to, type, id, xml:lang, the children behind the body.
MESSAGE: Final = re.compile(
    rb"<message%b><body>%b</body>((?:%b){0,%d}+)</message>"
    % (_ATTRIBUTES, _TEXT, _CHILD.replace(rb"\g", rb"\6"), CHILDREN_MAX)
)
_CHILDREN: Final = re.compile(rb"<(%b) xmlns=['\"]([^'\"]++)['\"]" % _NAME)

BODY: Final = (f"{{{ns.CLIENT}}}body",)
# U+FFC0…U+FFFF: XML has no U+FFFE and U+FFFF (XML 1.0 §2.2).
_DOUBTFUL: Final = b"\xef\xbf"


def allowed(limits: Limits) -> bool:
    """Whether a message of this shape is within all limits but that of its bytes."""
    return (
        not limits.total_bytes_max
        and limits.depth_max >= 2
        and limits.elements_max >= 2 + CHILDREN_MAX
        and limits.attributes_max >= 4
        and limits.namespaces_max >= CHILDREN_MAX
    )


def is_text(raw: bytes) -> bool:
    """Whether bytes without control characters are characters of XML in UTF-8."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return _DOUBTFUL not in raw


def names_of(children: bytes) -> tuple[str, ...]:
    """Body and the children behind it, each "{namespace}local"."""
    return BODY + tuple(f"{{{space.decode()}}}{name.decode()}" for name, space in _CHILDREN.findall(children))


def take(data: bytes, scope: Scope, bytes_max: int, events: list[ReaderEvent]) -> bytes:
    """Append the messages that `data` begins with to `events`; what is left of it is for the parser."""
    if not scope.is_client:
        return data
    at, size = 0, len(data)
    match = MESSAGE.match
    while at < size:
        found = match(data, at)
        if found is None:
            return data[at:]
        end = found.end()
        raw = data[at:end]
        if end - at > bytes_max or not (raw.isascii() or is_text(raw)):
            return data[at:]
        to, type, id, lang, children, _ = found.groups()
        events.append(
            Stanza(
                "message",
                "" if type is None else type[1:-1].decode(),
                None if to is None else to[1:-1].decode(),
                None if id is None else id[1:-1].decode(),
                None,
                None if lang is None else lang[1:-1].decode(),
                names_of(children) if children else BODY,
                raw,
                scope,
                b"<message",
                True,
            )
        )
        at = end
    return b""
