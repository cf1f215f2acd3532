"""The XML reader: bytes in, events out, on expat. The hot path: speed wins over taste here.

A stanza is kept as the slice of bytes it came as; Python sees only the names of its elements. The parser never sees a
byte that would break a limit, and never more than one root: at stanza boundaries it can be dropped, and a new one is
primed with the stream header's namespaces, so that names are not kept for ever and an idle stream has no parser.

Indexes are expat's: bytes since the parser was created.
"""

from __future__ import annotations

import pyexpat
from collections.abc import Callable
from typing import Any, Final

from .. import ns
from . import rules, simple, tags
from .events import (
    STANZA_KINDS,
    Nonza,
    ReaderEvent,
    Scope,
    Stanza,
    StreamClosed,
    StreamOpened,
    Violation,
    scope,
)
from .limits import AFTER_AUTHENTICATION, Limits
from .rules import Refused
from .tokens import SHORT_BYTES_MAX, HeldToken, verdict

_LANG: Final = f"{ns.XML}}}lang"
# A parser keeps every name it ever saw: a new one takes over after so many bytes.
_PARSER_BYTES_MAX: Final = 512 * 1024
# A read of white space up to this size is a keep-alive and costs nothing; more of it counts as a stanza's bytes do.
_KEEPALIVE_BYTES_MAX: Final = 64
_BLANK: Final = b" \t\r\n"
_HAS_DEFERRAL: Final = hasattr(pyexpat.ParserCreate(), "SetReparseDeferralEnabled")
_NO_ATTRIBUTES: Final[dict[str, str]] = {}


class _Paused(Exception):
    """Raised in a handler: the event just made is the last of this parser; what follows is at `index`."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class Reader:
    """One XML stream from a peer. After a StreamClosed or a Violation it is deaf.

    `stepwise`: each call of `feed` gives one event at most (two for an empty root), and keeps the bytes behind it
    unread, because what they mean depends on the answer. `feed(b"")` goes on.
    """

    __slots__ = (
        "_attributes",
        "_attributes_max",
        "_base",
        "_blank",
        "_boundary",
        "_bytes_max",
        "_children",
        "_counting",
        "_data",
        "_dead",
        "_declarations",
        "_depth",
        "_depth_max",
        "_elements_each",
        "_elements_left",
        "_events",
        "_given",
        "_held",
        "_kept",
        "_kind",
        "_limits",
        "_namespace_bytes",
        "_parser",
        "_plain",
        "_rest",
        "_scope",
        "_simple",
        "_start",
        "_total_left",
        "stepwise",
    )

    def __init__(self, limits: Limits = AFTER_AUTHENTICATION, *, stepwise: bool = False) -> None:
        self.stepwise = stepwise
        self._dead = False
        self._scope: Scope | None = None
        self._rest = b""
        self._blank = 0
        self._events: list[ReaderEvent] = []
        self._parser: Any = None
        # There is a parser, it holds nothing back, and no total counts.
        self._plain = False
        self._held: HeldToken | None = None
        # Where the bytes given to the parser end; where the last stanza ended; where `_data` begins.
        self._given = self._boundary = self._base = 0
        # The bytes being parsed; before them, those of the unfinished stanza.
        self._data = b""
        self._kept = bytearray()
        self._depth = 0
        # Of the stanza that is under way: where it begins, what its start tag says, its children's names.
        self._start = 0
        self._attributes = _NO_ATTRIBUTES
        self._children: list[str] = []
        self._kind: tuple[str, bytes, tuple[bytes, ...]] | None = None
        self.allow(limits)

    # --- what the owner calls ---------------------------------------------------------------------------------------

    def allow(self, limits: Limits) -> None:
        """Other limits from the next stanza on."""
        self._limits = limits
        self._bytes_max = limits.stanza_bytes_max
        # A shorter stanza cannot hold more declarations than it may.
        self._namespace_bytes = limits.namespaces_max * len(b" xmlns:a=''")
        self._depth_max = limits.depth_max
        self._attributes_max = limits.attributes_max
        self._elements_left = limits.elements_max
        self._elements_each = 0 if limits.total_bytes_max else limits.elements_max
        self._counting = limits.total_bytes_max > 0
        self._total_left = limits.total_bytes_max
        self._plain = self._parser is not None and self._held is None and not self._counting
        self._simple = simple.allowed(limits)

    def restart(self, *, discard: bool = False) -> None:
        """A new stream follows (RFC 6120 §4.3.3): the next thing is a header. `discard` unread bytes first."""
        if discard:
            self._rest = b""
        self._scope = None
        self._drop_parser()

    def rest(self) -> None:
        """Give the memory back that a parser takes. Worth it when nothing will come for a while."""
        if self._parser is not None and self._depth == 1 and self._held is None and not self._dead:
            self._rest = self._slice(self._boundary, self._given)
            self._drop_parser()
        self._events = []

    def close(self) -> None:
        """Read no more, and let go of everything."""
        self._dead = True
        self._rest = b""
        self._drop_parser()

    @property
    def unread(self) -> int:
        """Bytes kept that no event has come from yet."""
        return self._given - self._boundary + (self._held.size if self._held else 0) + len(self._rest)

    def feed(self, data: bytes) -> list[ReaderEvent]:
        """The events that `data` completes."""
        events: list[ReaderEvent] = []
        if self._dead:
            return events
        if self._rest:
            data = self._rest + data
            self._rest = b""
        self._events = events
        if self._simple and self._given == self._boundary and data.startswith(simple.STARTS) and not self.stepwise:
            if self._scope is not None and self._held is None:
                data = simple.take(data, self._scope, self._bytes_max, events)
                if events:
                    self._blank = 0
            if not data:
                return events
        try:
            given = self._given
            size = len(data)
            if self._plain and size and data[0] > 32 and size <= self._bytes_max - given + self._boundary:
                # The usual case of what `_feed` does.
                self._data = data
                self._base = given
                self._given = given + size
                self._parser.Parse(data)
                if self._boundary != self._given:
                    self._keep()
                else:
                    self._data = b""
            else:
                self._feed(data)
            if self._given > _PARSER_BYTES_MAX:
                self.rest()
        except _Paused as pause:
            self._rest = b"" if self._dead else self._slice(pause.index, self._given) + self._rest
            self._drop_parser()
        except Refused as refused:
            self._refuse(refused.condition, refused.text)
        except pyexpat.ExpatError as error:
            self._refuse(self._broken(error))
        return events

    # --- bytes ------------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if self._scope is None and not self._given:
            data = self._skip_blank(data)
        # At the limit the parser gets what may still be one stanza, and no more before that one has ended.
        while len(data) > (room := self._room()):
            if room <= 0:
                raise Refused("policy-violation", "too many bytes")
            self._rest = data[room:]
            self._parse(data[:room])
            data = self._rest
        self._rest = b""
        if data and not (data[0] <= 32 and self._is_blank(data)):
            self._parse(data)

    def _room(self) -> int:
        """How many bytes the parser may see before the stanza that is under way must have ended."""
        pending = self._given - self._boundary
        if self._held is not None:
            pending += self._held.size
        if self._counting:
            return min(self._bytes_max, self._total_left) - pending
        return self._bytes_max - pending

    def _is_blank(self, data: bytes) -> bool:
        """Whether `data` is white space between stanzas; it is then accounted for, and the parser need not see it."""
        if self._scope is None or self._given != self._boundary or data.strip(_BLANK):
            return False
        self._count_blank(len(data))
        return True

    def _skip_blank(self, data: bytes) -> bytes:
        """`data` without the white space before a header: some clients end a negotiation step with a line break."""
        rest = data.lstrip(_BLANK)
        if len(rest) != len(data):
            self._count_blank(len(data) - len(rest))
        return rest

    def _count_blank(self, size: int) -> None:
        if self._counting:
            self._total_left -= size
        if size > _KEEPALIVE_BYTES_MAX:
            self._blank += size
        if self._blank > self._bytes_max or self._total_left < 0:
            raise Refused("policy-violation", "too much white space")

    def _parse(self, piece: bytes) -> None:
        if self._held is not None:
            if not self._hold(piece):
                return
            piece = self._held.take()
            self._held = None
            self._plain = not self._counting
        # RFC 6120 §11.6: UTF-8 only. expat would follow the signs of UTF-16.
        if self._scope is None and self._given < 4 and (b"\0" in piece[:4] or piece[0] >= 0xFE):
            raise Refused("unsupported-encoding")
        parser = self._parser or self._open()
        self._data = piece
        self._base = self._given
        self._given += len(piece)
        parser.Parse(piece)
        if self._boundary != self._given:
            self._keep()
            return
        self._data = b""

    def _keep(self) -> None:
        """After a read that ended inside something: keep its bytes, refuse what cannot become a stanza."""
        if self._boundary >= self._base:
            self._kept = bytearray(self._data[self._boundary - self._base :])
        else:
            self._kept += self._data
        self._data = b""
        self._base = self._given
        if self._depth == 1:
            tail = self._kept.lstrip(_BLANK)
            if not tail:
                self._count_blank(len(self._kept))
                self._kept.clear()
                self._boundary = self._given
                return
            # Text between stanzas is nothing that XMPP knows (RFC 6120 §4.9.3.1), CDATA neither.
            if tail[0] != 60 or tail.startswith(b"<!["):
                raise Refused("bad-format", "text between stanzas")
        self._look_at_unfinished()

    def _look_at_unfinished(self) -> None:
        index = self._parser.CurrentByteIndex
        size = self._given - index
        if size <= 0:
            return
        token = bytes(self._kept[-size:])
        condition = verdict(token, first=self._scope is None and index == 0)
        if condition:
            raise Refused(condition)
        if size > SHORT_BYTES_MAX and token[0] == 60:
            held = HeldToken(self._attributes_max + self._limits.namespaces_max)
            if not self._hold_scan(held.scan, token):
                self._held = held
                self._plain = False

    def _hold(self, piece: bytes) -> bool:
        assert self._held is not None
        return self._hold_scan(self._held.add, piece)

    def _hold_scan(self, scan: Callable[[bytes], bool], data: bytes) -> bool:
        try:
            return scan(data)
        except OverflowError:
            raise Refused("policy-violation", "too many attributes") from None

    def _slice(self, start: int, end: int) -> bytes:
        if start < self._base:
            self._data = bytes(self._kept) + self._data
            self._base -= len(self._kept)
            self._kept.clear()
        return self._data[start - self._base : end - self._base]

    # --- the parser -------------------------------------------------------------------------------------------------

    def _drop_parser(self) -> None:
        self._parser = None
        self._plain = False
        self._held = None
        self._given = self._boundary = self._base = 0
        self._data = b""
        self._kept = bytearray()
        self._attributes = _NO_ATTRIBUTES
        self._children = []
        self._depth = 0 if self._scope is None else 1

    def _open(self) -> Any:
        parser: Any = pyexpat.ParserCreate("UTF-8", "}", None)
        if _HAS_DEFERRAL:
            parser.SetReparseDeferralEnabled(False)
        if self._scope is not None:
            parser.Parse(self._scope.prime)
            self._given = self._boundary = len(self._scope.prime)
        else:
            self._declarations: list[tuple[str | None, str]] = []
            parser.XmlDeclHandler = rules.on_xml_declaration
            parser.StartNamespaceDeclHandler = self._on_namespace
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        # RFC 6120 §11.1: none of these. The handler of the DTD is called before its internal subset is read.
        parser.CommentHandler = rules.on_restricted
        parser.ProcessingInstructionHandler = rules.on_restricted
        parser.StartDoctypeDeclHandler = rules.on_restricted
        parser.EntityDeclHandler = rules.on_restricted
        self._parser = parser
        self._plain = not self._counting
        return parser

    def _on_namespace(self, prefix: str | None, uri: str | None) -> None:
        self._declarations.append((prefix, uri or ""))
        if len(self._declarations) > self._limits.namespaces_max:
            raise Refused("policy-violation", "too many namespaces")

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth > 1:
            if depth == 2:
                self._children.append("{" + name if "}" in name else name)
            left = self._elements_left - 1
            self._elements_left = left
            if left < 0 or depth > self._depth_max or len(attributes) > self._attributes_max:
                raise Refused("policy-violation", "too many elements or attributes")
        elif depth == 1:
            start = self._parser.CurrentByteIndex
            if start != self._boundary and self._slice(self._boundary, start).strip(_BLANK):
                raise Refused("bad-format", "text between stanzas")
            self._start = start
            self._attributes = attributes
            self._children = []
            if self._elements_each:
                self._elements_left = self._elements_each
            self._elements_left -= 1
            if self._elements_left < 0 or len(attributes) > self._attributes_max:
                raise Refused("policy-violation", "too many elements or attributes")
            self._kind = STANZA_KINDS.get(name)
            if self._kind is None:
                rules.check_foreign(name)
        else:
            self._on_header(name, attributes)

    def _on_end(self, name: str) -> None:
        depth = self._depth - 1
        self._depth = depth
        if depth > 1:
            return
        if depth == 0:
            if self._slice(self._boundary, self._parser.CurrentByteIndex).strip(_BLANK):
                raise Refused("bad-format", "text between stanzas")
            self._events.append(StreamClosed())
            self._dead = True
            raise _Paused(self._given)
        # At the end tag, or behind an empty element.
        end: int = self._parser.CurrentByteIndex
        start = self._start
        if start < self._base:
            self._slice(start, end)
        base = self._base
        data = self._data
        if self._children or (data.startswith(b"</", end - base) and not self._is_empty(end - base)):
            end = data.index(b">", end - base) + base + 1
        raw = data[start - base : end - base]
        if self._counting:
            self._total_left -= end - self._boundary
        self._boundary = end
        self._blank = 0
        if end - start > self._namespace_bytes and raw.count(b"xmlns") > self._limits.namespaces_max:
            self._check_namespaces(raw)
        attributes = self._attributes
        scope: Scope = self._scope  # type: ignore[assignment]  # the header came first
        if self._kind is None:
            nonza = Nonza(_braced(name), _braced_keys(attributes), tuple(self._children), raw, scope)
            self._events.append(nonza)
        else:
            kind, head, openings = self._kind
            if not raw.startswith(openings):
                rules.check_prefixed(raw)
                head = b""
            get = attributes.get
            self._events.append(
                Stanza(
                    kind,
                    get("type", ""),
                    get("to"),
                    get("id"),
                    get("from"),
                    get(_LANG),
                    tuple(self._children),
                    raw,
                    scope,
                    head,
                )
            )
        if self.stepwise:
            raise _Paused(end)

    def _is_empty(self, at: int) -> bool:
        """Whether the element that ends at `at` of `_data` is empty, and the end tag there the root's."""
        if self._children or not self._data.endswith(b"/>", 0, at):
            return False
        return tags.end_of_start_tag(self._data, self._start - self._base) == at

    def _on_header(self, name: str, attributes: dict[str, str]) -> None:
        self._elements_left -= 1
        if len(attributes) > self._attributes_max:
            raise Refused("policy-violation", "too many attributes")
        start = self._parser.CurrentByteIndex
        raw = self._slice(start, self._given)
        tag = tags.start_tag(raw)
        end = start + tag.end
        lang = attributes.get(_LANG)
        declarations = tuple(self._declarations)
        self._scope = scope(tag.name, declarations, lang)
        self._parser.StartNamespaceDeclHandler = None
        self._parser.XmlDeclHandler = None
        if self._counting:
            self._total_left -= end - self._boundary
        self._boundary = end
        self._events.append(
            StreamOpened(
                _braced(name),
                _braced_keys(attributes),
                lang,
                {prefix or "": namespace for prefix, namespace in declarations},
            )
        )
        if self.stepwise:
            if tag.empty:
                self._events.append(StreamClosed())
                self._dead = True
            raise _Paused(end)

    def _check_namespaces(self, raw: bytes) -> None:
        assert self._scope is not None
        if tags.namespaces_declared(self._scope.prime + raw) > self._limits.namespaces_max:
            raise Refused("policy-violation", "too many namespaces")

    # --- the end ----------------------------------------------------------------------------------------------------

    def _refuse(self, condition: str, text: str = "") -> None:
        self._events.append(Violation(condition, text))
        self.close()

    def _broken(self, error: pyexpat.ExpatError) -> str:
        index = self._parser.ErrorByteIndex if self._parser is not None else self._given
        return rules.condition_of(error.code, self._slice(index, index + 4))


def _braced(name: str) -> str:
    return "{" + name if "}" in name else name


def _braced_keys(attributes: dict[str, str]) -> dict[str, str]:
    return {_braced(name): value for name, value in attributes.items()}
