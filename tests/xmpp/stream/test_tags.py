"""Cuts through XML text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from natter.xmpp.element import attr_escape
from natter.xmpp.stream.tags import end_of_start_tag, namespaces_declared, start_tag, text_at


@pytest.mark.parametrize(
    ("element", "tag"),
    [
        (b"<a>x</a>", b"<a>"),
        (b"<a/>", b"<a/>"),
        (b"<a b='>' c=\"'>\" >x", b"<a b='>' c=\"'>\" >"),
        (b"<a\n b = '\"' />", b"<a\n b = '\"' />"),
    ],
)
def test_end_of_start_tag(element: bytes, tag: bytes) -> None:
    assert end_of_start_tag(element) == len(tag)
    assert end_of_start_tag(b"<x>" + element, 3) == 3 + len(tag)


def test_unfinished_tag() -> None:
    for text in (b"<a", b"<a b='>", b"", b"a>"):
        with pytest.raises(ValueError):
            end_of_start_tag(text)


def test_start_tag() -> None:
    tag = start_tag(b"<p:a b = '1'\n\txmlns:p=\"u>\" p:c='/'/>")
    assert tag.name == b"p:a"
    assert tag.attributes == [(b"b", b"'1'"), (b"xmlns:p", b'"u>"'), (b"p:c", b"'/'")]
    assert tag.empty
    assert not start_tag(b"<a b='/'></a>").empty


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,5}\Z"), st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_attributes_as_a_parser_sees_them(attributes: dict[str, str]) -> None:
    written = "".join(f" {name}='{attr_escape(value)}'" for name, value in attributes.items())
    tag = start_tag(f"<a{written}>x>y</a>".encode())
    assert etree.fromstring(b"<a " + b" ".join(b"%b=%b" % pair for pair in tag.attributes) + b"/>").attrib == attributes


def test_text_at() -> None:
    document = (
        b"<r xmlns='n'><s>a<x>no</x>b<x>second</x><y><x>deep</x></y>c<z xmlns='o'>&lt;<![CDATA[<&]]></z></s><s>q</s>"
    )
    assert text_at(document) == "abc"
    assert text_at(document, "n}x") == "no"
    assert text_at(document, "o}z") == "<<&"
    assert text_at(document, "n}y", "n}x") == "deep"
    assert text_at(document, "n}z") == ""


def test_namespaces_declared() -> None:
    assert namespaces_declared(b"<r xmlns='n' xmlns:p='q'><s/>") == 0
    assert namespaces_declared(b"<r xmlns='n'><s xmlns='a' xmlns:b='c'><t xmlns='d'/>xmlns xmlns</s>") == 3
