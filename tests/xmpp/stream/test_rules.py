"""The rules that hold anywhere on a stream."""

from __future__ import annotations

import pytest
from natter.xmpp.stream.rules import (
    Refused,
    check_foreign,
    check_prefixed,
    condition_of,
    on_restricted,
    on_xml_declaration,
)


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("jabber:client}foo", "unsupported-stanza-type"),
        ("jabber:server}message", "invalid-namespace"),
        ("urn:x}iq", "invalid-namespace"),
        ("presence", "invalid-namespace"),
    ],
)
def test_foreign_refused(name: str, condition: str) -> None:
    with pytest.raises(Refused) as refused:
        check_foreign(name)
    assert refused.value.condition == condition


def test_foreign_accepted() -> None:
    check_foreign("urn:ietf:params:xml:ns:xmpp-sasl}auth")
    check_foreign("foo")


def test_prefixed() -> None:
    check_prefixed(b"<c:message xmlns:c='jabber:client' to='xmlns'/>")
    with pytest.raises(Refused) as refused:
        check_prefixed(b"<c:message xmlns:c='jabber:client' xmlns='urn:x'/>")
    assert refused.value.condition == "bad-namespace-prefix"


@pytest.mark.parametrize(
    ("version", "encoding", "condition"),
    [
        ("1.0", "UTF-16", "unsupported-encoding"),
        ("1.0", "latin1", "unsupported-encoding"),
        ("1.1", None, "not-well-formed"),
    ],
)
def test_xml_declaration_refused(version: str, encoding: str | None, condition: str) -> None:
    with pytest.raises(Refused) as refused:
        on_xml_declaration(version, encoding, -1)
    assert refused.value.condition == condition


def test_xml_declaration_accepted() -> None:
    for encoding in (None, "UTF-8", "utf-8"):
        on_xml_declaration("1.0", encoding, -1)


def test_restricted() -> None:
    with pytest.raises(Refused) as refused:
        on_restricted("anything", 1)
    assert refused.value.condition == "restricted-xml"


@pytest.mark.parametrize(
    ("code", "at", "condition"),
    [
        (4, b"\xffabc", "unsupported-encoding"),
        (4, b"\xed\xa0\x80", "unsupported-encoding"),
        (4, b"\x00abc", "not-well-formed"),
        (4, b"abc\xc3", "not-well-formed"),
        (11, b"&x;", "restricted-xml"),
        (27, b"<a:b", "not-well-formed"),
    ],
)
def test_condition_of(code: int, at: bytes, condition: str) -> None:
    assert condition_of(code, at) == condition
