"""JIDs: RFC 7622, its examples, the cheap cuts, and parsing twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp import jid
from natter.xmpp.jid import JID, JIDError

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("juliet@example.com", "juliet@example.com"),
        ("juliet@example.com/foo", "juliet@example.com/foo"),
        ("juliet@example.com/foo bar", "juliet@example.com/foo bar"),
        ("juliet@example.com/foo@bar/baz", "juliet@example.com/foo@bar/baz"),
        ("foo\\20bar@example.com", "foo\\20bar@example.com"),
        ("fussball@example.com", "fussball@example.com"),
        ("fu\u00dfball@example.com", "fu\u00dfball@example.com"),
        ("\u03c0@example.com", "\u03c0@example.com"),
        ("\u03a3@example.com/foo", "\u03c3@example.com/foo"),
        ("king@example.com/\u265a", "king@example.com/\u265a"),
        ("example.com", "example.com"),
        ("example.com/foobar", "example.com/foobar"),
        ("JULIET@EXAMPLE.COM/Balcony", "juliet@example.com/Balcony"),
        ("\uff21lice@example.com", "alice@example.com"),
        ("a@example.com.", "a@example.com"),
        ("a@b\u00fccher.example", "a@b\u00fccher.example"),
        ("a@B\u00dcCHER.example", "a@b\u00fccher.example"),
        ("a@xn--bcher-kva.example", "a@b\u00fccher.example"),
        ("a@192.0.2.1/x", "a@192.0.2.1/x"),
        ("a@[2001:DB8::0001]/x", "a@[2001:db8::1]/x"),
        ("a@e.com/e\u0301", "a@e.com/\u00e9"),
        ("a@e.com/a\u00a0b", "a@e.com/a b"),
    ],
)
def test_accepted(text: str, expected: str) -> None:
    assert str(jid.parse(text)) == jid.normalise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "/",
        "@example.com",
        "@example.com/x",
        "juliet@",
        "juliet@/x",
        "juliet@example.com/",
        '"juliet"@example.com',
        "foo bar@example.com",
        "a&b@example.com",
        "a'b@example.com",
        "a:b@example.com",
        "a<b@example.com",
        "a>b@example.com",
        "a\uff20b@example.com",  # a full-width '@' becomes a real one
        "henry\u2163@example.com",
        "\u265a@example.com",
        "a\x00b@example.com",
        "a@example.com/a\x00b",
        "a@example.com/\ud800",
        "a@b@example.com",
        "a@exa mple.com",
        "a@example..com",
        "a@.example.com",
        "a@-example.com",
        "a@example.com-",
        "a@" + "l" * 64 + ".com",
        "a@[::1",
        "a@[::g]",
        "a@[fe80::1%eth0]",
        "a@..",
        "a@xn--a",
        "a@\u3002",
        "l" * 1024 + "@example.com",
        "a@example.com/" + "r" * 1024,
        "a@example.com/" + "\u00e9" * 512,
        "a@" + ".".join(["l" * 60] * 18),
    ],
)
def test_refused(text: str) -> None:
    for function in (jid.parse, jid.normalise):
        with pytest.raises(JIDError):
            function(text)


def test_longest_parts() -> None:
    local, resource = "l" * 1023, "r" * 1023
    assert jid.parse(f"{local}@example.com/{resource}") == JID(local, "example.com", resource)
    assert jid.parse("a@example.com/" + "\u00e9" * 511).resource == "\u00e9" * 511


def test_parts() -> None:
    full = jid.parse("Alice@Example.com/Phone")
    assert (full.local, full.domain, full.resource, full.bare) == ("alice", "example.com", "Phone", "alice@example.com")
    assert str(JID("", "example.com", "x")) == "example.com/x"
    assert JID("", "example.com").bare == "example.com"


def test_names_alone() -> None:
    assert jid.username("Alice") == "alice"
    assert jid.resource("Alice") == "Alice"
    assert jid.domain("Example.COM.") == "example.com"
    for function, text in ((jid.username, ""), (jid.username, "a@b"), (jid.resource, ""), (jid.domain, "")):
        with pytest.raises(JIDError):
            function(text)


@pytest.mark.parametrize("text", ["a@b/c", "a@b", "b", "b/c", "a@b/c@d/e", "b/c@d"])
def test_cuts(text: str) -> None:
    parsed = jid.parse(text)
    assert jid.bare_of(text) == parsed.bare
    assert jid.resource_of(text) == parsed.resource
    assert jid.domain_of(text) == parsed.domain
    assert jid.local_of(text) == parsed.local


@given(st.one_of(ANY, st.builds("{}@{}/{}".format, ANY, st.sampled_from(["e.com", "B\u00fc.de", "[::1]"]), ANY)))
def test_parsing_settles(text: str) -> None:
    try:
        once = jid.parse(text)
    except JIDError:
        return
    assert jid.parse(str(once)) == once
    assert jid.normalise(text) == str(once) == jid.normalise(str(once))
    assert (jid.bare_of(str(once)), jid.resource_of(str(once))) == (once.bare, once.resource)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20))
def test_the_short_way_for_ascii_is_the_rule(text: str) -> None:
    for short, profile in ((jid.username, jid._username_profile), (jid.resource, jid._opaque_profile)):
        try:
            expected = str(profile.enforce(text))
        except UnicodeError:
            expected = ""
        if short is jid.username and jid._LOCAL_FORBIDDEN.search(expected):
            expected = ""
        try:
            assert short(text) == expected
        except JIDError:
            assert expected == ""
