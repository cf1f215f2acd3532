"""Messages of the commonest shape, recognised by one regular expression. A measured hot path: a third of expat's price.

What matches is well-formed whatever the stream's parser has seen before: plain attributes, a body, a few small children
that declare their namespace. Everything else, and everything in doubt, is expat's. tests/xmpp/stream/test_simple.py
compares the two.
"""

from __future__ import annotations

import re
from typing import Final

from .. import ns
from .events import Nonza, ReaderEvent, Scope, Series, Stanza
from .limits import Limits

CHILDREN_MAX: Final = 6
# No markup, no references in attributes (the value is the text), no control characters, no '>' (it could end "]]>").
_VALUE: Final = rb"(?:'[^'<&\x00-\x1f]*+'|\"[^\"<&\x00-\x1f]*+\")"
_TEXT: Final = rb"(?:[^<>&\x00-\x08\x0b-\x1f]++|&(?:amp|lt|gt|quot|apos);)*+"


def _attributes(before: tuple[int, int, int], number: int) -> bytes:
    """`to`, `type` and `xml:lang`, in any order; groups from `number` on. `before`: those of an earlier part."""
    # `(?(n)(?!)|…)`: an attribute that was there before is none of ours (XML 1.0 §3.1: each once).
    each = []
    for group, (earlier, name) in enumerate(zip(before, (b"to", b"type", b"xml:lang"), strict=True), number):
        first = rb"(?(%d)(?!)|%b=(%b))" % (group, name, _VALUE)
        each.append(rb"(?(%d)(?!)|%b)" % (earlier, first) if earlier else first)
    return rb"(?: (?:%b))*+" % b"|".join(each)


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
# More of the same at once: so many, at most.
SERIES_MAX: Final = 64
# The groups: 1 all before the id; 2-4 to, type, xml:lang there; 5 the id; 6 all behind it; 7-9 the same there; 10 the
# children behind the body; 12 what follows and differs in nothing but id and body.
MESSAGE: Final = re.compile(
    rb"(<message%b)(?: id=(%b)(%b))?+><body>%b</body>((?:%b){0,%d}+)</message>"
    rb"((?:\1(?(5) id=%b\6|)><body>%b</body>\10</message>){0,%d}+)"
    % (
        _attributes((0, 0, 0), 2),
        _VALUE,
        _attributes((2, 3, 4), 7),
        _TEXT,
        _CHILD.replace(rb"\g", rb"\11"),
        CHILDREN_MAX,
        _VALUE,
        _TEXT,
        SERIES_MAX - 1,
    )
)
# What clients under stream management write between messages.
_NONZA: Final = re.compile(rb"<(r|a) xmlns=(['\"])urn:xmpp:sm:3\2(?: h=(['\"])([0-9]{1,10})\3)?+/>")
STARTS: Final = (b"<message ", b"<r xmlns=", b"<a xmlns=")
HEAD: Final = b"<message"
END: Final = b"</message>"
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
            nonza = _NONZA.match(data, at)
            if nonza is None:
                return data[at:]
            at = nonza.end()
            events.append(_nonza(nonza, scope))
            continue
        more = found.start(12)
        end = found.end()
        if more < end and (end - at > bytes_max or HEAD in found[10]):
            # One of several may be too long; or a child's name begins like theirs.
            end = more
        raw = data[at:end]
        if end - at > bytes_max or not (raw.isascii() or is_text(raw)):
            return data[at:]
        if end == more:
            events.append(_stanza(found, raw, scope))
        else:
            first = _stanza(found, data[at:more], scope)
            events.append(Series(first, raw, [len(part) + len(END) for part in raw.split(END)[:-1]]))
        at = end
    return b""


def singles(series: Series) -> list[Stanza]:
    """The messages of a series, each by itself."""
    found, at = [], 0
    for size in series.sizes:
        found.append(_parsed(series.raw[at : at + size], series.first.scope))
        at += size
    return found


def part(series: Series, start: int, end: int) -> Series | Stanza:
    """Some of the messages of a series, one at least."""
    sizes = series.sizes[start:end]
    at = sum(series.sizes[:start])
    raw = series.raw[at : at + sum(sizes)]
    first = _parsed(raw[: sizes[0]], series.first.scope) if start else series.first
    return Series(first, raw, sizes) if len(sizes) > 1 else first


def _parsed(raw: bytes, scope: Scope) -> Stanza:
    found = MESSAGE.fullmatch(raw)
    assert found is not None
    return _stanza(found, raw, scope)


def _stanza(found: re.Match[bytes], raw: bytes, scope: Scope) -> Stanza:
    to, type, lang, id, to_behind, type_behind, lang_behind, children = found.group(2, 3, 4, 5, 7, 8, 9, 10)
    to, type, lang = to or to_behind, type or type_behind, lang or lang_behind
    return Stanza(
        "message",
        "" if type is None else type[1:-1].decode(),
        None if to is None else to[1:-1].decode(),
        None if id is None else id[1:-1].decode(),
        None,
        None if lang is None else lang[1:-1].decode(),
        names_of(children) if children else BODY,
        raw,
        scope,
        HEAD,
        True,
    )


def _nonza(found: re.Match[bytes], scope: Scope) -> Nonza:
    name, h = found.group(1, 4)
    attributes = {} if h is None else {"h": h.decode()}
    return Nonza(f"{{{ns.SM}}}{name.decode()}", attributes, (), found[0], scope)
