"""Stanzas as elements: there and back, built, and cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from natter.xmpp import ns
from natter.xmpp.element import E, append_child, attr_escape, embedded, insert_to, parse, render, start_tag


@pytest.mark.parametrize(
    "stanza",
    [
        b"<presence/>",
        b'<presence from="a@b/c"/>',
        b'<message from="a"><body>x &lt; y</body><x xmlns="jabber:x:data"><field var="f"/></x></message>',
        b'<iq type="get" id="1"><query xmlns="jabber:iq:roster"/></iq>',
        b'<message xmlns:p="urn:p" p:a="1"><p:x>]]&gt;</p:x></message>',
        b'<message><x xmlns="urn:f"><message xmlns="jabber:client"><body>b</body></message></x></message>',
    ],
)
def test_there_and_back(stanza: bytes) -> None:
    element = parse(stanza)
    assert etree.QName(element).namespace == ns.CLIENT
    assert render(element) == stanza


def test_a_prefix_on_the_top_element_goes() -> None:
    root = etree.fromstring("<c:message xmlns:c='jabber:client' to='x'>t<c:body>b</c:body></c:message>")
    rendered = render(root)
    assert rendered.startswith(b"<message ")
    again = parse(rendered)
    assert (again.tag, again.get("to"), again.text) == ("{jabber:client}message", "x", "t")
    assert again.findtext("{jabber:client}body") == "b"


def test_other_namespaces_stay() -> None:
    assert render(E("{urn:x}y", {"a": "1"})) == b'<y xmlns="urn:x" a="1"/>'


def test_nothing_is_expanded() -> None:
    with pytest.raises(etree.XMLSyntaxError):
        parse(b"<message>&boom;</message>")
    with pytest.raises(ValueError):
        parse(b"no element")


def test_namespaces_that_are_no_uris() -> None:
    """expat lets them through, so a stanza with one reaches the services."""
    element = parse(b"<message><x xmlns='urn:\xc3\xa9 \"'/><y xmlns='http://[x'/></message>")
    assert [child.tag for child in element] == ['{urn:\u00e9 "}x', "{http://[x}y"]


def test_sizes_that_libxml2_finds_huge() -> None:
    assert len(parse(b"<message><" + b"n" * 60_000 + b"/></message>")) == 1


def test_errors_come_out_of_the_other_thread() -> None:
    with pytest.raises(etree.XMLSyntaxError):
        parse(b"<message><" + b"n" * 1000 + b"></message>")


def test_built() -> None:
    element = E(
        "iq",
        {"type": "get", "to": None, "xml:lang": "de"},
        E("{jabber:iq:roster}query", None, "before", E("{jabber:iq:roster}item", {"jid": "a@b"}), "behind"),
        E("body"),
    )
    assert render(element) == (
        b'<iq type="get" xml:lang="de">'
        b'<query xmlns="jabber:iq:roster">before<item jid="a@b"/>behind</query><body/></iq>'
    )
    assert E("x", None, "a", "b").text == "ab"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t'\"&<>")))
def test_escaped_values_come_back(text: str) -> None:
    for quote in "'\"":
        element = etree.fromstring(f"<a b={quote}{attr_escape(text)}{quote}/>".encode())
        assert element.get("b") == text


@pytest.mark.parametrize("stanza", [b"<presence/>", b"<presence />", b"<presence from='a'>x</presence>"])
def test_to_is_written_behind_the_name(stanza: bytes) -> None:
    written = insert_to(stanza, "a@b/'<&")
    assert parse(written).get("to") == "a@b/'<&"
    assert written.replace(b" to='a@b/&apos;&lt;&amp;'", b"") == stanza


def test_start_tag() -> None:
    assert start_tag(b"<iq id=\"a'>b\" type='get'><x y='z'/></iq>") == (b"iq", {b"id": b'"a\'>b"', b"type": b"'get'"})
    assert start_tag(b"<iq/>") == (b"iq", {})
    with pytest.raises(ValueError):
        start_tag(b"")


def test_a_child_behind_the_others() -> None:
    assert append_child(b"<message id='>'><body>x</body></message >", b"<y/>") == (
        b"<message id='>'><body>x</body><y/></message >"
    )
    assert append_child(b"<message id='/>' />", b"<y/>") == b"<message id='/>'><y/></message>"


def test_embedded() -> None:
    assert embedded(b"<message id='1'/>") == b"<message xmlns='jabber:client' id='1'/>"
