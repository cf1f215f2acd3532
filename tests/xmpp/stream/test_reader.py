"""The reader: every split of the input, every hostile shape, every limit, and what it keeps in memory."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natter.xmpp import ns
from natter.xmpp.stream import reader as module
from natter.xmpp.stream import simple
from natter.xmpp.stream.events import Nonza, ReaderEvent, Series, Stanza, StreamClosed, StreamOpened, Violation
from natter.xmpp.stream.limits import AFTER_AUTHENTICATION, BEFORE_AUTHENTICATION, Limits
from natter.xmpp.stream.reader import Reader

HEADER = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n<stream:stream xmlns='jabber:client' to='localhost' version='1.0'\n"
    b" xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>"
)
CHAT = b"<message to='bob@localhost' type='chat' id='1'><body>a &gt; b \xc3\xa9</body></message>"
TRANSCRIPT = (
    HEADER
    + b"\n <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGE=</auth>"
    + CHAT
    + b"<presence/><presence></presence> \r\n\t<iq type='get' id=\"2'\"><ping xmlns='urn:xmpp:ping'/></iq >"
    + b"<message a='>'><body>/></body></message><presence/><r xmlns='urn:xmpp:sm:3'/><message>/></message>"
    + b"<message><![CDATA[</message>]]></message>\n<presence a='/'/></stream:stream>"
)


def said(events: Iterable[ReaderEvent]) -> list[object]:
    """Events as values that compare."""
    return [
        (type(e).__name__, e.raw, e.children) if isinstance(e, Stanza | Nonza) else e  # the rest are dataclasses
        for event in events
        for e in (simple.singles(event) if isinstance(event, Series) else (event,))
    ]


def opened(limits: Limits = AFTER_AUTHENTICATION) -> Reader:
    reader = Reader(limits)
    assert len(reader.feed(HEADER)) == 1
    return reader


def violation(data: bytes, reader: Reader | None = None) -> str:
    """The condition that `data` calls for, which is the same when it comes byte by byte."""
    reader = reader or opened()
    events = reader.feed(data)
    assert reader.feed(CHAT) == [], "deaf afterwards"
    assert [type(e) for e in events].count(Violation) == 1
    last = events[-1]
    assert isinstance(last, Violation)
    return last.condition


def in_bytes(reader: Reader, data: bytes) -> list[ReaderEvent]:
    return [event for i in range(len(data)) for event in reader.feed(data[i : i + 1])]


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_a_whole_stream() -> None:
    first, auth, *stanzas, closed = Reader().feed(TRANSCRIPT)
    assert isinstance(first, StreamOpened)
    assert (first.name, first.lang) == (f"{{{ns.STREAM}}}stream", "en")
    assert first.attributes == {"to": "localhost", "version": "1.0", f"{{{ns.XML}}}lang": "en"}
    assert first.namespaces == {"": ns.CLIENT, "stream": ns.STREAM}
    assert isinstance(auth, Nonza)
    assert (auth.name, auth.attributes, auth.text()) == (f"{{{ns.SASL}}}auth", {"mechanism": "PLAIN"}, "AGE=")
    assert isinstance(stanzas[0], Stanza)
    assert stanzas[0].raw == CHAT
    assert stanzas[0].children == ("{jabber:client}body",)
    assert [s.raw for s in stanzas[1:4] if isinstance(s, Stanza)] == [
        *(b"<presence/>", b"<presence></presence>"),
        b"<iq type='get' id=\"2'\"><ping xmlns='urn:xmpp:ping'/></iq >",
    ]
    assert len(stanzas) == 10
    assert closed == StreamClosed()


def test_byte_by_byte() -> None:
    assert said(in_bytes(Reader(), TRANSCRIPT)) == said(Reader().feed(TRANSCRIPT))


@pytest.mark.parametrize("cut", range(1, len(TRANSCRIPT)))
def test_split_at_every_byte(cut: int) -> None:
    reader = Reader()
    assert said(reader.feed(TRANSCRIPT[:cut]) + reader.feed(TRANSCRIPT[cut:])) == said(Reader().feed(TRANSCRIPT))


PIECES = st.sampled_from(
    [
        *(CHAT, b" ", b"\n\n", b"<presence/>", b"<iq type='get'><x xmlns='urn:x' a=\"'>\"/></iq>", b"x", b"<foo/>"),
        *(b"<!-- c -->", b"<?pi?>", b"<!DOCTYPE x>", b"&amp;", b"&x;", b"<message>", b"</message>", b"\xff", b"\x00"),
        *(b"<a xmlns='urn:a'/>", b"<![CDATA[x]]>", b"</stream:stream>", b"<p:x/>", b"<message a=", b"'", b">", b"<"),
        b"<message a='" + b"y" * 700 + b"'>" + b"z" * 700 + b"</message>",
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 3000), max_size=6), st.booleans())
def test_splits_do_not_matter(pieces: list[bytes], cuts: list[int], rest: bool) -> None:
    data = HEADER + b"".join(pieces)
    whole = said(Reader().feed(data))
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    reader = Reader()
    events: list[ReaderEvent] = []
    for start, end in pairwise(places):
        events += reader.feed(data[start:end])
        if rest:
            reader.rest()
    split = said(events)
    # The same stanzas. A violation may be seen earlier, with less of it there, but it is one in both.
    assert [e for e in split if not isinstance(e, Violation)] == [e for e in whole if not isinstance(e, Violation)]
    assert len(split) == len(whole) or isinstance(split[-1], Violation)


@settings(max_examples=100)
@given(st.lists(st.integers(1, 40), max_size=20))
def test_steps_give_the_same_events(sizes: list[int]) -> None:
    reader = Reader(stepwise=True)
    events: list[ReaderEvent] = []
    data = TRANSCRIPT
    for size in [*sizes, len(data)]:
        read = reader.feed(data[:size])
        data = data[size:]
        while read:
            assert len(read) == 1
            events += read
            read = reader.feed(b"")
    assert said(events) == said(Reader().feed(TRANSCRIPT))


def test_a_new_stream_behind_a_step() -> None:
    reader = Reader(stepwise=True)
    assert len(reader.feed(HEADER + b"<a xmlns='u'/>\n" + HEADER + CHAT)) == 1
    assert isinstance(reader.feed(b"")[0], Nonza)
    reader.restart()
    assert isinstance(reader.feed(b"")[0], StreamOpened)
    assert said(reader.feed(b"")) == [("Stanza", CHAT, ("{jabber:client}body",))]
    assert reader.unread == 0
    assert len(reader.feed(CHAT + b"junk")) == 1
    reader.restart(discard=True)
    assert reader.unread == 0
    assert isinstance(reader.feed(HEADER)[0], StreamOpened)


def test_an_empty_root() -> None:
    empty = HEADER[:-1] + b"/>"
    for stepwise in (False, True):
        reader = Reader(stepwise=stepwise)
        assert [type(e) for e in reader.feed(empty + CHAT)] == [StreamOpened, StreamClosed]
        assert reader.feed(CHAT) == []


def test_nothing_comes_after_the_end() -> None:
    reader = opened()
    assert reader.feed(CHAT + b"</stream:stream>" + CHAT)[1:] == [StreamClosed()]
    assert reader.feed(CHAT) == []
    assert reader.unread == 0


def test_a_truncated_stanza_is_nothing() -> None:
    for cut in range(1, len(CHAT)):
        reader = opened()
        assert reader.feed(CHAT[:cut]) == []
        assert reader.unread == cut
        reader.close()
        assert reader.feed(CHAT[cut:]) == []


# --- hostile shapes ---------------------------------------------------------------------------------------------------

HOSTILE = [
    (b"<!-- x -->", "restricted-xml"),
    (b"<message><!-- x --></message>", "restricted-xml"),
    (b"<!-", "restricted-xml"),
    (b"<?php x ?>", "restricted-xml"),
    (b"<message><?x", "restricted-xml"),
    (b"<?xml version='1.0'?>", "restricted-xml"),
    (b"<message>&boom;</message>", "restricted-xml"),
    (b"<message a='&boom;'/>", "restricted-xml"),
    (b"<message>&" + b"a" * 100, "restricted-xml"),
    (b"<!DOCTYPE x>", "not-well-formed"),
    (b"<message>&#0;</message>", "not-well-formed"),
    (b"<message>&#xD800;</message>", "not-well-formed"),
    (b"<message>\x00</message>", "not-well-formed"),
    (b"<message>\x01</message>", "not-well-formed"),
    (b"<message>\xef\xbf\xbe</message>", "not-well-formed"),
    (b"<message>]]></message>", "not-well-formed"),
    (b"<message a='<'/>", "not-well-formed"),
    (b"<message a=1/>", "not-well-formed"),
    (b"<message a='1' a='2'/>", "not-well-formed"),
    (b"<message a='1'b='2'/>", "not-well-formed"),
    (b"<message></presence>", "not-well-formed"),
    (b"</message>", "not-well-formed"),
    (b"<message><p:x/></message>", "not-well-formed"),
    (b"<message p:x='1'/>", "not-well-formed"),
    (b"<message xmlns:p=''/>", "not-well-formed"),
    (b"<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>", "not-well-formed"),
    (b"<message xmlns:xml='urn:x'/>", "not-well-formed"),
    (b"<message xmlns:xmlns='urn:x'/>", "not-well-formed"),
    (b"<message>\xff</message>", "unsupported-encoding"),
    (b"<message>\xc0\xaf</message>", "unsupported-encoding"),
    (b"<message>\xed\xa0\x80</message>", "unsupported-encoding"),
    (b"<message>\xf5\x80\x80\x80</message>", "unsupported-encoding"),
    (b"<message>\xe2\x28\xa1</message>", "unsupported-encoding"),
    (b"<message a='\xff\xff\xff\xff'/>", "unsupported-encoding"),
    (b"<m\xff\xff\xff\xff/>", "unsupported-encoding"),
    (b"text <message/>", "bad-format"),
    (b"&amp;<message/>", "bad-format"),
    (b"<![CDATA[ ]]><message/>", "bad-format"),
    (b"<foo/>", "unsupported-stanza-type"),
    (b"<message xmlns='jabber:server'/>", "invalid-namespace"),
    (b"<iq xmlns=''/>", "invalid-namespace"),
    (b"<stream:presence/>", "invalid-namespace"),
    (b"<c:message xmlns:c='jabber:client' xmlns='urn:x'/>", "bad-namespace-prefix"),
    (b"<stream:stream to='localhost'><foo xmlns='jabber:client'/></stream:stream><foo/>", "unsupported-stanza-type"),
]


@pytest.mark.parametrize(("data", "condition"), HOSTILE)
def test_hostile(data: bytes, condition: str) -> None:
    assert violation(data) == condition
    # The stanza before it is delivered, nothing of it and nothing after it.
    stanza, wrong = [e for e in opened().feed(CHAT + data) if not isinstance(e, Nonza)]
    assert isinstance(stanza, Stanza)
    assert wrong == Violation(condition, wrong.text if isinstance(wrong, Violation) else "")


@pytest.mark.parametrize(("data", "condition"), HOSTILE)
def test_hostile_byte_by_byte(data: bytes, condition: str) -> None:
    *before, last = in_bytes(opened(), data + CHAT)
    assert all(isinstance(e, Nonza) for e in before)
    assert isinstance(last, Violation)
    # Bytes that cannot be UTF-8 may be seen before it is clear why.
    assert last.condition in (condition, "not-well-formed")


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"\xff\xfe<\x00s\x00", "unsupported-encoding"),
        (b"\xfe\xff\x00<", "unsupported-encoding"),
        (b"\x00<\x00s", "unsupported-encoding"),
        (b"<\x00s\x00", "unsupported-encoding"),
        (HEADER[:50] + b"\x00" + HEADER[50:], "not-well-formed"),
        (HEADER.replace(b"UTF-8", b"UTF-16"), "unsupported-encoding"),
        (HEADER.replace(b"UTF-8", b"ISO-8859-1"), "unsupported-encoding"),
        (HEADER.replace(b"version='1.0' enc", b"version='1.1' enc"), "not-well-formed"),
        (b"GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        (b"\x16\x03\x01\x02\x00\x01", "not-well-formed"),
        (b"<!DOCTYPE r [<!ENTITY a 'aaaa'>]>" + HEADER, "restricted-xml"),
        (b"<!DOCTYPE r SYSTEM 'http://127.0.0.1/'>", "restricted-xml"),
        (b"<?xml version='1.0'?><!-- x -->" + HEADER, "restricted-xml"),
        (b"<?xml-stylesheet x?>", "restricted-xml"),
        (b"<stream:stream xmlns='jabber:client'>", "not-well-formed"),
    ],
)
def test_hostile_beginnings(data: bytes, condition: str) -> None:
    assert violation(data, Reader()) == condition
    assert isinstance(in_bytes(Reader(), data + b" " * 10)[-1], Violation)


# --- limits -----------------------------------------------------------------------------------------------------------

SMALL = Limits(stanza_bytes_max=1000, depth_max=4, elements_max=6, attributes_max=3, namespaces_max=3)


def stanza_of(size: int) -> bytes:
    return b"<message>" + b"x" * (size - 19) + b"</message>"


def test_stanza_bytes() -> None:
    for reader in (opened(SMALL), opened(SMALL)):
        assert len(reader.feed(stanza_of(1000) * 5)) == 5
        reader.feed(CHAT[:20])
        assert len(reader.feed(CHAT[20:] + stanza_of(1000)[:999])) == 1
        assert len(reader.feed(b">" + stanza_of(1000))) == 2
    assert violation(stanza_of(1001), opened(SMALL)) == "policy-violation"
    assert violation(stanza_of(1000)[:-10] + b"y" * 11, opened(SMALL)) == "policy-violation"
    assert in_bytes(opened(SMALL), stanza_of(1001))[0] == Violation("policy-violation", "too many bytes")


def test_the_parser_does_not_see_bytes_over_the_limit() -> None:
    """What lies behind the limit is not even looked at: the error is the limit's, not the comment's."""
    assert violation(b"<message>" + b"x" * 991 + b"<!-- -->", opened(SMALL)) == "policy-violation"


@pytest.mark.parametrize(
    "data",
    [
        b"<message>" + b"<x>" * 4,
        b"<message>" + b"<x/>" * 6,
        b"<message a='1' b='2' c='3' d='4'/>",
        b"<message><x a='1' b='2' c='3' d='4'/></message>",
        b"<message xmlns:a='a' xmlns:b='b' xmlns:c='c' xmlns:d='d'/>",
        b"<message><x xmlns='a'/><x xmlns='a'/><x xmlns='a'/><x xmlns:x='a'/></message>",
    ],
)
def test_structure(data: bytes) -> None:
    assert violation(data, opened(SMALL)) == "policy-violation"
    assert isinstance(in_bytes(opened(SMALL), data)[-1], Violation)


@pytest.mark.parametrize(
    "data",
    [
        b"<message><x><y><z/></y></x></message>",
        b"<message>" + b"<x/>" * 5 + b"</message>",
        b"<message a='1' b='2' c='3'><x a='1' b='2' c='3'/></message>",
        b"<message xmlns:a='a' xmlns:b='b'><x xmlns='c'>xmlns xmlns xmlns</x></message>",
    ],
)
def test_structure_at_the_limit(data: bytes) -> None:
    assert [type(e) for e in opened(SMALL).feed(data * 3)] == [Stanza] * 3


def test_default_structure() -> None:
    assert len(opened().feed(b"<message>" + b"<x>" * 63 + b"</x>" * 63 + b"</message>")) == 1
    assert violation(b"<message>" + b"<x>" * 64) == "policy-violation"
    assert len(opened().feed(b"<message>" + b"<x/>" * 1999 + b"</message>")) == 1
    assert violation(b"<message>" + b"<x/>" * 2000) == "policy-violation"


def test_too_many_namespaces_in_the_header() -> None:
    declarations = b"".join(b" xmlns:p%d='u'" % i for i in range(64))
    assert violation(HEADER[:-1] + declarations + b">", Reader()) == "policy-violation"


def test_everything_counts_before_authentication() -> None:
    def fresh() -> Reader:
        reader = Reader(BEFORE_AUTHENTICATION, stepwise=True)
        assert len(reader.feed(HEADER)) == 1
        return reader

    nonza = b"<a xmlns='u'>" + b"x" * 1000 + b"</a>"
    reader = fresh()
    counts = [len(reader.feed(nonza)) for _ in range(7)]
    assert counts == [1] * 7
    assert violation(nonza, reader) == "policy-violation"

    reader = fresh()
    for _ in range(31):
        assert [type(e) for e in reader.feed(b"<a xmlns='u'/>")] == [Nonza]
    assert violation(b"<a xmlns='u'/>", reader) == "policy-violation"

    assert violation(b"<a xmlns='u'>" + b"<b>" * 8, fresh()) == "policy-violation"
    assert len(fresh().feed(b"<a xmlns='u'>" + b"<b>" * 7 + b"</b>" * 7 + b"</a>")) == 1
    assert violation(b" " * 9000, fresh()) == "policy-violation"
    assert violation(b"<a b='" + b"x" * 9000, fresh()) == "policy-violation"
    assert violation(b"<stream:stream a='" + b"x" * 9000, Reader(BEFORE_AUTHENTICATION)) == "policy-violation"
    assert violation(b" " * 9000, Reader(BEFORE_AUTHENTICATION)) == "policy-violation"


def test_blanks_before_authentication_do_not_go_on_for_ever() -> None:
    reader = Reader(BEFORE_AUTHENTICATION, stepwise=True)
    reader.feed(HEADER)
    events = [event for _ in range(8200) for event in reader.feed(b" ")]
    assert [type(e) for e in events] == [Violation]


def test_the_end_of_authentication_lifts_the_total() -> None:
    reader = Reader(BEFORE_AUTHENTICATION, stepwise=True)
    reader.feed(HEADER)
    reader.allow(AFTER_AUTHENTICATION)
    assert len(reader.feed(stanza_of(100_000))) == 1
    reader.allow(replace(AFTER_AUTHENTICATION, stanza_bytes_max=100))
    assert violation(stanza_of(101), reader) == "policy-violation"


def test_keepalives_cost_nothing_and_other_blanks_do() -> None:
    reader = opened(SMALL)
    for _ in range(5000):
        assert reader.feed(b" ") == []
    assert reader.unread == 0
    assert reader.feed(b" " * 900) == []
    assert len(reader.feed(CHAT)) == 1
    assert reader.feed(b"\n" * 900) == []
    assert violation(b"\t" * 900, reader) == "policy-violation"


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"<message a='", b'<message><x a="', b"<message ", b"<message><x></x ", b"<message>", b"<message><![CDATA["],
)
def test_small_reads_are_not_quadratic(start: bytes) -> None:
    """A quarter of a megabyte in reads of 64 bytes: libexpat alone would scan half a gigabyte."""
    filler = b" " if start.endswith((b"message ", b"x ")) else b">"
    data = start + filler * (AFTER_AUTHENTICATION.stanza_bytes_max - len(start) - 1)
    reader = opened()
    began = time.process_time()
    for i in range(0, len(data), 64):
        assert reader.feed(data[i : i + 64]) == []
    assert time.process_time() - began < 0.5
    assert violation(b"xxxx", reader) == "policy-violation"


def test_a_long_tag_in_small_reads_is_read() -> None:
    tag = b"<message a='" + b"x>" * 5000 + b"' b=\"" + b"'" * 5000 + b'"'
    for data in (tag + b"/>", tag + b"><body/></message>", b"<message><body" + tag[8:] + b"/></message>"):
        reader = opened()
        events = [e for i in range(0, len(data), 7) for e in reader.feed(data[i : i + 7])]
        assert said(events) == said(opened().feed(data))
        assert [type(e) for e in events] == [Stanza]


def test_too_many_values_in_a_held_tag() -> None:
    data = b"<message " + b"".join(b"a%d='%b' " % (i, b"x" * 100) for i in range(300))
    *before, last = [e for i in range(0, len(data), 50) for e in opened_once(data)[i // 50]]
    assert before == []
    assert last == Violation("policy-violation", "too many attributes")


def opened_once(data: bytes) -> list[list[ReaderEvent]]:
    reader = opened()
    return [reader.feed(data[i : i + 50]) for i in range(0, len(data), 50)]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_an_idle_stream_has_no_parser() -> None:
    reader = opened()
    assert len(reader.feed(CHAT)) == 1
    reader.rest()
    assert reader._parser is None
    assert reader.feed(b" ") == []
    assert reader._parser is None, "a keep-alive does not bring it back"
    assert said(reader.feed(CHAT)) == [("Stanza", CHAT, ("{jabber:client}body",))]
    assert reader.feed(b"  <mess") == []
    reader.rest()
    assert (reader._parser, reader.unread) == (None, 7)
    assert len(reader.feed(b"age/>")) == 1
    assert reader.feed(b"<message>") == []
    reader.rest()
    assert reader._parser is not None, "not in the middle of a stanza"
    assert len(reader.feed(b"</message></stream:stream>")) == 2


@pytest.mark.parametrize("tail", [b"", b"<message", b"<message><bo"])
def test_parsers_are_exchanged(tail: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not kept for ever, also where no read ever ends with a stanza."""
    monkeypatch.setattr(module, "_PARSER_BYTES_MAX", 1000)
    stream = CHAT * 200
    whole = b"<message><body/></message>"
    data, reader, count, given = tail, opened(), 0, 0
    for _ in range(50):
        count += len(reader.feed(data + whole[len(tail) :] + stream + tail))
        given = max(given, reader._given)
        data = b""
    assert count == 50 * 201
    if tail != b"<message><bo":
        assert given < 1000
