"""Stanzas as lxml elements: parsing what travels in a Frame, rendering it back, and building small ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from threading import Thread
from typing import Any, Final, TypeAlias

from lxml import etree

from . import ns
from .familiar import Familiar
from .stream import tags

Element: TypeAlias = etree._Element

XML_LANG: Final = f"{{{ns.XML}}}lang"
# lxml wants None for the default namespace; its stubs say str.
_CLIENT_MAP: Final[Any] = {None: ns.CLIENT}
_XMLNS_CLIENT: Final = b" xmlns='jabber:client'"
# What lxml writes for the default namespace; it escapes quotes and '>' inside attribute values.
_WRITTEN_XMLNS: Final = b' xmlns="jabber:client"'
# The size of a document is limited before it gets here.
_OPTIONS: Final[Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "collect_ids": False,
    "huge_tree": True,
    "encoding": "utf-8",
}
_PARSER: Final = etree.XMLParser(**_OPTIONS)
_NOT_A_URI: Final = 99  # libxml2's XML_WAR_NS_URI
_familiar: Final = Familiar()
_NAME: Final = re.compile(rb"<[^\s/>]+")

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)
_NEEDS_ESCAPE: Final = re.compile(r"[&<>'\"\n\r\t]")


def parse(stanza: bytes) -> Element:
    """The element of a stanza as it travels in a Frame, in jabber:client without saying so. Raises XMLSyntaxError.

    Only for XML that the stream reader or natter itself made. Even so nothing is fetched or expanded.
    """
    return parse_document(embedded(stanza))


def parse_document(document: bytes) -> Element:
    """The root of a whole document. Nothing is fetched, expanded, or kept. Raises lxml's XMLSyntaxError."""
    if _familiar(document):
        return _parse(document, _PARSER)
    # A thread of its own: libxml2 drops the names of this document when the thread has ended and the tree is gone.
    found: list[Element] = []
    failed: list[etree.XMLSyntaxError] = []

    def parse_here() -> None:
        try:
            # With a parser of its own: one keeps to the names of the thread that it first worked in.
            found.append(_parse(document, etree.XMLParser(**_OPTIONS)))
        except etree.XMLSyntaxError as error:
            failed.append(error)

    thread = Thread(target=parse_here)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _parse(document: bytes, parser: etree.XMLParser) -> Element:
    try:
        return etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", None) != _NOT_A_URI:
            raise
        # Namespaces need not be URIs to be told apart, and expat has let them through.
        return etree.fromstring(document, etree.XMLParser(recover=True, **_OPTIONS))


def render(element: Element) -> bytes:
    """The inverse of `parse`: the element as bytes, without xmlns='jabber:client' on the top element."""
    if element.prefix is not None and element.tag.startswith("{jabber:client}"):
        element = _without_prefix(element)
    data = etree.tostring(element, encoding="utf-8", with_tail=False)
    start = data.find(b">")
    at = data.find(_WRITTEN_XMLNS, 0, start + 1)
    if at < 0 or element.prefix is not None:
        return data
    return data[:at] + data[at + len(_WRITTEN_XMLNS) :]


def E(tag: str, attributes: Mapping[str, str | None] | None = None, *children: Element | str) -> Element:
    """An element with attributes and content. `tag` is "{namespace}local", or "local" in jabber:client.

    An attribute whose value is None is left out. "xml:lang" may be written so.
    """
    namespace = tag[1 : tag.index("}")] if tag[0] == "{" else ns.CLIENT
    name = tag if tag[0] == "{" else f"{{{ns.CLIENT}}}{tag}"
    nsmap: Any = _CLIENT_MAP if namespace == ns.CLIENT else {None: namespace}
    element = etree.Element(name, nsmap=nsmap)
    if attributes:
        for key, value in attributes.items():
            if value is not None:
                element.set(XML_LANG if key == "xml:lang" else key, value)
    for child in children:
        if not isinstance(child, str):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + child
        else:
            element.text = (element.text or "") + child
    return element


def attr_escape(text: str) -> str:
    """Text for an attribute value in either kind of quotes. White space survives as character references."""
    return text.translate(_ESCAPES) if _NEEDS_ESCAPE.search(text) else text


def insert_to(stanza: bytes, to: str) -> bytes:
    """`stanza` with ` to='…'` behind the element's name; it must have none (a broadcast's shared payload)."""
    end = _name_end(stanza)
    return b"%b to='%b'%b" % (stanza[:end], attr_escape(to).encode(), stanza[end:])


def append_child(stanza: bytes, child: bytes) -> bytes:
    """`stanza` with one more child, behind the others."""
    if stanza.endswith(b"/>"):
        # A whole element: the tag that ends it is its own.
        name = stanza[1 : _name_end(stanza)]
        return b"%b>%b</%b>" % (stanza[:-2].rstrip(), child, name)
    end = stanza.rindex(b"</")
    return b"%b%b%b" % (stanza[:end], child, stanza[end:])


def remove(child: Element) -> None:
    """Take an element out and leave the text behind it."""
    parent, before, tail = child.getparent(), child.getprevious(), child.tail
    if parent is None:
        return
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    elif tail:
        parent.text = (parent.text or "") + tail
    parent.remove(child)


def embedded(stanza: bytes) -> bytes:
    """`stanza` as it stands inside an element of another namespace."""
    end = _name_end(stanza)
    return b"%b%b%b" % (stanza[:end], _XMLNS_CLIENT, stanza[end:])


def start_tag(stanza: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Name and attributes of the top element, the values as written with their quotes round them."""
    tag = tags.start_tag(stanza)
    return tag.name, dict(tag.attributes)


def _name_end(stanza: bytes) -> int:
    match = _NAME.match(stanza)
    if match is None:
        raise ValueError("not an element")
    return match.end()


def _without_prefix(element: Element) -> Element:
    plain = etree.Element(element.tag, nsmap=_CLIENT_MAP)
    for key, value in element.attrib.items():
        plain.set(key, value)
    plain.text = element.text
    plain.extend(deepcopy(child) for child in element)
    return plain
