"""What the reader hands out: the stream opened, a stanza or many, another child of the root, the end, a violation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, TypeAlias

from .. import ns
from ..element import Element, attr_escape, parse_document
from . import tags

_LANG_ATTRIBUTE: Final = " xml:lang='{}'"
_PRIORITY_MIN: Final = -128
_PRIORITY_MAX: Final = 127
# A start tag of ours so far, without `from`: what a client's start tag is replaced with.
_HEADS: Final = {"message": b"<message", "presence": b"<presence", "iq": b"<iq"}
_ENDS: Final = {"message": b"</message>", "presence": b"</presence>", "iq": b"</iq>"}
_REPLACED: Final = frozenset((b"from", b"to", b"xmlns"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a stream header says that its stanzas inherit. Shared by all streams with the same header."""

    # The header with its namespace declarations only: it primes a parser that starts at a stanza.
    prime: bytes
    # End tag for `prime`.
    end: bytes
    lang: str | None
    # ` xml:lang='…'`, or nothing.
    lang_attribute: bytes
    # For each prefix but xml: as it looks in a name (b"stream:"), and its declaration (b" xmlns:stream='…'").
    prefixes: Mapping[bytes, bytes]
    # What every stanza has in it that uses one of them.
    probe: bytes
    # Whether an element without a prefix is in jabber:client.
    is_client: bool


@lru_cache(maxsize=256)
def scope(name: bytes, declarations: tuple[tuple[str | None, str], ...], lang: str | None) -> Scope:
    """The Scope of a header with the root name as written, its (prefix, namespace) declarations and its xml:lang."""
    written = [
        (b"%b:" % prefix.encode() if prefix else b"", _declaration(prefix, namespace))
        for prefix, namespace in declarations
        if prefix != "xml"
    ]
    prefixes = {prefix: declaration for prefix, declaration in written if prefix}
    return Scope(
        prime=b"<%b%b>" % (name, b"".join(declaration for _, declaration in written)),
        end=b"</%b>" % name,
        lang=lang,
        lang_attribute=_LANG_ATTRIBUTE.format(attr_escape(lang)).encode() if lang else b"",
        prefixes=prefixes,
        probe=next(iter(prefixes)) if len(prefixes) == 1 else b":",
        is_client=(None, ns.CLIENT) in declarations,
    )


def _declaration(prefix: str | None, namespace: str) -> bytes:
    return f" xmlns{':' + prefix if prefix else ''}='{attr_escape(namespace)}'".encode()


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The stream header. Attribute names are as `Nonza.attributes` has them."""

    name: str
    attributes: Mapping[str, str]
    lang: str | None
    # Namespace declarations by prefix; "" is the default namespace.
    namespaces: Mapping[str, str]


class Stanza:
    """A complete message, presence or iq in jabber:client. The hot path: filled in by the reader, never changed.

    `type` is "" where absent; `to`, `id`, `sender` (the `from` as sent) and `lang` are None where absent, and are not
    checked. `children` names the child elements as "{namespace}local". `raw` is the element as it came; `head` is how
    it begins, b"<message" for example, or b"" when that is not sure (its name has a prefix). `simple`: a message whose
    start tag has nothing but `to`, `type`, `id` and `xml:lang`, no prefixes below it, and no `from`.
    """

    __slots__ = ("children", "head", "id", "kind", "lang", "raw", "scope", "sender", "simple", "to", "type")

    def __init__(
        self,
        kind: str,
        type: str,
        to: str | None,
        id: str | None,
        sender: str | None,
        lang: str | None,
        children: tuple[str, ...],
        raw: bytes,
        scope: Scope,
        head: bytes = b"",
        simple: bool = False,
    ) -> None:
        self.kind = kind
        self.type = type
        self.to = to
        self.id = id
        self.sender = sender
        self.lang = lang
        self.children = children
        self.raw = raw
        self.head = head
        self.scope = scope
        self.simple = simple

    def __repr__(self) -> str:
        return f"Stanza({self.kind!r}, type={self.type!r}, to={self.to!r}, id={self.id!r}, {self.raw!r})"

    def stamped(self, sender: str, to: str | None) -> bytes:
        """The whole element as it travels in a Frame: `from` is `sender`, `to` is `to` (None: without).

        In jabber:client without saying so; self-contained: prefixes and xml:lang of the stream header are on it.
        """
        raw = self.raw
        scope = self.scope
        head = self.head
        if not (self.simple and to == self.to) and (
            self.sender is not None
            or to != self.to
            or scope.probe in raw
            or not head
            or ((at := raw.find(b"xmlns")) >= 0 and (at < raw.find(b">") or at < tags.end_of_start_tag(raw)))
        ):
            return self._restamped(sender, to)
        return self.start(sender) + raw[len(head) :]

    def start(self, sender: str) -> bytes:
        """What takes the place of `head` where nothing else of the start tag changes."""
        if self.lang is None:
            # RFC 6120 §4.7.4: a stanza without xml:lang has the one of the stream header.
            return self.head + self.scope.lang_attribute + _from_attribute(sender)
        return self.head + _from_attribute(sender)

    def _restamped(self, sender: str, to: str | None) -> bytes:
        """`stamped` for the start tags that need more than a `from`."""
        tag = tags.start_tag(self.raw)
        kept = [_HEADS[self.kind], _from_attribute(sender)]
        if to is not None:
            kept.append(f" to='{attr_escape(to)}'".encode())
        if self.lang is None:
            kept.append(self.scope.lang_attribute)
        declared = {name for name, _ in tag.attributes}
        for prefix, declaration in self.scope.prefixes.items():
            if prefix in self.raw and b"xmlns:" + prefix[:-1] not in declared:
                kept.append(declaration)
        # Values stay as they were written, in their own quotes: character references survive.
        kept += [b" %b=%b" % pair for pair in tag.attributes if pair[0] not in _REPLACED]
        if tag.empty:
            kept.append(b"/>")
        elif b":" in tag.name:
            kept += (b">", self.raw[tag.end : self.raw.rindex(b"</")], _ENDS[self.kind])
        else:
            kept += (b">", self.raw[tag.end :])
        return b"".join(kept)

    def text_at(self, *path: str) -> str:
        """Text directly inside the descendant that `path` ("namespace}local" each) leads to, "" where there is none."""
        return tags.text_at(self.scope.prime + self.raw, *path)

    def priority(self) -> int:
        """A presence's priority: 0 where absent or unreadable, brought into -128…127."""
        # RFC 6121 §4.7.2.3: an integer between -128 and +127, 0 where there is none.
        if "{jabber:client}priority" not in self.children:
            return 0
        text = self.text_at("jabber:client}priority")
        try:
            return max(_PRIORITY_MIN, min(_PRIORITY_MAX, int(text[:8])))
        except ValueError:
            return 0


@lru_cache(maxsize=4096)
def _from_attribute(sender: str) -> bytes:
    return f" from='{attr_escape(sender)}'".encode()


class Series:
    """Simple messages, one right behind the other, that differ in nothing but their `id` and their body.

    `first` is the first of them, `raw` all of them as they came, `sizes` the length of each. The hot path.
    """

    __slots__ = ("first", "raw", "sizes")
    # As with a Stanza: none of them has a `from`.
    sender: ClassVar[None] = None

    def __init__(self, first: Stanza, raw: bytes, sizes: list[int]) -> None:
        self.first = first
        self.raw = raw
        self.sizes = sizes

    def __repr__(self) -> str:
        return f"Series({self.first!r}, {self.sizes!r})"

    def stamped(self, sender: str) -> tuple[bytes, list[int]]:
        """All of them, each as `Stanza.stamped` has it with its own `to`, and the length of each."""
        first = self.first
        start = first.start(sender)
        grown = len(start) - len(first.head)
        # The name begins nothing else: no child's is like it, and there is no '<' in text.
        return self.raw.replace(first.head, start), [size + grown for size in self.sizes]


class Nonza:
    """A complete child of the stream root that is no stanza.

    Attribute names without a namespace are plain, others are "{namespace}local".
    """

    __slots__ = ("attributes", "children", "name", "raw", "scope")

    def __init__(
        self, name: str, attributes: Mapping[str, str], children: tuple[str, ...], raw: bytes, scope: Scope
    ) -> None:
        self.name = name
        self.attributes = attributes
        self.children = children
        self.raw = raw
        self.scope = scope

    def __repr__(self) -> str:
        return f"Nonza({self.name!r}, {self.raw!r})"

    def text(self) -> str:
        """Its own character data."""
        return tags.text_at(self.scope.prime + self.raw)

    def element(self) -> Element:
        """The parsed element, as a tree of its own."""
        root = parse_document(self.scope.prime + self.raw + self.scope.end)
        element = root[0]
        root.remove(element)
        return element


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The peer's closing tag: nothing comes after it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What the peer sent cannot be accepted: `condition` is one of RFC 6120 §4.9.3. Nothing comes after it."""

    condition: str
    text: str = ""


ReaderEvent: TypeAlias = StreamOpened | Stanza | Series | Nonza | StreamClosed | Violation

# Expanded name -> kind, how it begins when its name has no prefix, and how such a start tag goes on.
STANZA_KINDS: Final = {
    f"{ns.CLIENT}}}{kind}": (kind, head, tuple(head + end for end in (b" ", b">", b"/", b"\n", b"\t", b"\r")))
    for kind, head in _HEADS.items()
}
