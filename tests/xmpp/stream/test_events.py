"""Stanzas as they leave the reader: what `stamped` makes of every shape of start tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from natter.xmpp import ns
from natter.xmpp.element import Element, attr_escape, parse
from natter.xmpp.stream.events import Nonza, Stanza, StreamOpened
from natter.xmpp.stream.reader import Reader

HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'{}>"
ME = "alice@localhost/\u00e9'"


def read(stanza: str, header: str = "") -> Stanza:
    reader = Reader()
    opened, event = reader.feed((HEADER.format(header) + stanza).encode())
    assert isinstance(opened, StreamOpened)
    assert isinstance(event, Stanza), event
    return event


def content(element: Element) -> tuple[object, ...]:
    return (
        element.tag,
        dict(element.attrib),
        element.text or "",
        [(content(child), child.tail or "") for child in element],
    )


def original(stanza: str, header: str = "") -> Element:
    return etree.fromstring((HEADER.format(header) + stanza + "</stream:stream>").encode())[0]


def check(stanza: str, header: str = "") -> bytes:
    """`stamped`, parsed alone, is the original with `from` (and the stream's xml:lang)."""
    event = read(stanza, header)
    expected = original(stanza, header)
    expected.set("from", ME)
    lang = expected.getparent().get(f"{{{ns.XML}}}lang")  # type: ignore[union-attr]
    if lang and expected.get(f"{{{ns.XML}}}lang") is None:
        expected.set(f"{{{ns.XML}}}lang", lang)
    for to in (event.to, None, "bob@localhost/'\"<&>"):
        stamped = event.stamped(ME, to)
        expected.attrib.pop("to", None)
        if to is not None:
            expected.set("to", to)
        assert content(parse(stamped)) == content(expected)
        assert not stamped.split(b">")[0].count(b"xmlns='jabber:client'")
    return event.stamped(ME, event.to)


SHAPES = [
    "<presence/>",
    "<presence />",
    "<presence></presence>",
    "<presence\n\ttype='unavailable'\r\n/>",
    "<message to='b@localhost'><body>hi</body></message>",
    '<message to="b@localhost" type="chat"><body>hi</body></message>',
    "<message to='b@localhost' from='alice@localhost' id='1'><body>hi</body></message >",
    "<message xmlns='jabber:client' to='b@localhost'><body>hi</body></message>",
    "<message xmlns='jabber&#58;client' to='b@localhost'><body>hi</body></message>",
    "<message id='&apos;/&gt;&lt;message to=&apos;x'><body>]]&gt;</body></message>",
    "<message id='a>b' to=\"'>\" x='\"'>></message>",
    "<message a='&#10;&#13;&#9; &#x41;'><body><![CDATA[<stream:x>&amp;]]></body></message>",
    "<message xmlns:p='urn:p' p:a='1' a='2'><p:x p:y='z'/></message>",
    "<message><x xmlns='urn:x'><message xmlns='jabber:client'><body/></message></x></message>",
    "<message><stream:x/></message>",
    "<message stream:a='1'/>",
    "<message xmlns:stream='urn:other'><stream:x/></message>",
    "<message><stream:x xmlns:stream='urn:other'/></message>",
    "<c:message xmlns:c='jabber:client' to='x@y'><c:body>a</c:body><body>b</body></c:message>",
    "<c:presence xmlns:c='jabber:client'/>",
    "<iq:iq xmlns:iq='jabber:client'></iq:iq >",
    "<message:iq xmlns:message='jabber:client' type='get'><q xmlns=''><r/></q></message:iq>",
    "<message xml:lang='fr'><body xml:lang='it'>x</body></message>",
    "<iq type='get' id='x'><query xmlns=\"jabber:iq:roster\"/></iq>",
    "<message>text<body/>tail</message>",
    "<message to='\u00fc@\u00fc.example'><b\u00f6dy>\U0001f600</b\u00f6dy></message>",
    "<message><b a=' xmlns'/></message>",
    "<message a=' xmlns='><b/></message>",
]
HEADERS = [
    "",
    " xml:lang='de'",
    " xmlns:x='urn:x' xmlns:c='urn:other' xml:lang='d&apos;e'",
    " xmlns:iq='jabber:client' xmlns:message='jabber:client'",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("stanza", SHAPES)
def test_stamped_is_the_original(stanza: str, header: str) -> None:
    check(stanza, header)


def test_prefixes_bound_by_the_header() -> None:
    check("<iq:iq type='get'/>", " xmlns:iq='jabber:client'")
    check("<message><p:x/><q:y/></message>", " xmlns:p='urn:p' xmlns:q='urn:&apos;q'")
    check("<message p:a='1'/>", " xmlns:p='urn:p'")


def test_the_short_way_keeps_every_byte_but_the_name() -> None:
    rest = " to='b@localhost/x'  type=\"chat\" id='&#39;'><body>x</body></message>"
    stamped = read("<message" + rest, " xml:lang='de'").stamped("a@localhost/y", "b@localhost/x")
    assert stamped == b"<message xml:lang='de' from='a@localhost/y'" + rest.encode()


NAMES = st.sampled_from(["body", "x", "p:y", "stream:z", "_\u00e4"])
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t'\"<>&=x "), max_size=8)


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(NAMES)
    attributes = draw(
        st.dictionaries(st.sampled_from(["a", "p:b", "xmlns", "xmlns:p", "xml:lang"]), VALUES, max_size=3)
    )
    if "xmlns:p" in attributes:
        attributes["xmlns:p"] = "urn:q"
    if "xmlns" in attributes:
        attributes["xmlns"] = draw(st.sampled_from(["", "urn:n", "jabber:client"]))
    quote = draw(st.sampled_from("'\""))
    written = "".join(f" {key}={quote}{attr_escape(value)}{quote}" for key, value in attributes.items())
    if draw(st.booleans()):
        return f"<{name}{written}/>"
    inner = draw(
        st.lists(VALUES.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")))
    )
    if depth < 3:
        inner += draw(st.lists(elements(depth=depth + 1), max_size=3))
    return f"<{name}{written}>{''.join(inner)}</{name}>"


@given(
    st.sampled_from(["message", "presence", "iq"]),
    st.dictionaries(st.sampled_from(["to", "from", "id", "type", "a", "p:c", "stream:d", "xml:lang"]), VALUES),
    st.lists(elements(), max_size=3),
    st.sampled_from([" xmlns:p='urn:p'", " xmlns:p='urn:p' xml:lang='pl'"]),
)
def test_stamped_is_the_original_whatever_it_is(
    kind: str, attributes: dict[str, str], children: list[str], header: str
) -> None:
    written = "".join(f" {key}='{attr_escape(value)}'" for key, value in attributes.items())
    check(f"<{kind}{written}>{''.join(children)}</{kind}>", header)


def test_what_a_stanza_says() -> None:
    stanza = read(
        "<iq from='a@b' to='c' id='d' type='get' xml:lang='eo'>"
        "<query xmlns='jabber:iq:roster'><item/></query><x xmlns=''/></iq>"
    )
    assert (stanza.kind, stanza.type, stanza.to) == ("iq", "get", "c")
    assert (stanza.id, stanza.sender, stanza.lang) == ("d", "a@b", "eo")
    assert stanza.children == ("{jabber:iq:roster}query", "x")
    bare = read("<presence/>")
    assert (bare.type, bare.to, bare.id, bare.sender, bare.lang, bare.children) == ("", None, None, None, None, ())
    assert "presence" in repr(bare)


@pytest.mark.parametrize(
    ("inner", "priority"),
    [
        ("", 0),
        ("<priority>5</priority>", 5),
        ("<priority> -1 </priority>", -1),
        ("<status>9</status><x xmlns='urn:x'><priority>3</priority></x><priority>127</priority>", 127),
        ("<priority>1000</priority>", 127),
        ("<priority>-1000</priority>", -128),
        ("<priority>99999999999999999999</priority>", 127),
        ("<priority>x</priority>", 0),
        ("<priority/>", 0),
        ("<priority>1<x/>2</priority>", 12),
    ],
)
def test_priority(inner: str, priority: int) -> None:
    assert read(f"<presence>{inner}</presence>").priority() == priority


def test_text_at() -> None:
    stanza = read("<iq type='set'><bind xmlns='urn:b'><resource>a&amp;b</resource></bind></iq>")
    assert stanza.text_at("urn:b}bind", "urn:b}resource") == "a&b"
    assert stanza.text_at("urn:b}bind", "urn:b}other") == ""


def test_nonza() -> None:
    reader = Reader()
    _, nonza = reader.feed(
        (HEADER.format(" xmlns:p='urn:p'") + "<p:a b='1' p:c='2'>x<p:d/>y<e xmlns=''/></p:a>").encode()
    )
    assert isinstance(nonza, Nonza)
    assert nonza.name == "{urn:p}a"
    assert nonza.attributes == {"b": "1", "{urn:p}c": "2"}
    assert nonza.children == ("{urn:p}d", "e")
    assert nonza.text() == "xy"
    element = nonza.element()
    assert (element.tag, element.text, element.getparent()) == ("{urn:p}a", "x", None)
    assert "urn:p" in repr(nonza)


def test_scopes_are_shared() -> None:
    assert read("<presence/>", " to='a'").scope is read("<iq/>", " to='b'").scope
