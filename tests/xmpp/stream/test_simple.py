"""What the regular expression takes is what expat would have said, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp.stream import simple
from natter.xmpp.stream.events import Nonza, ReaderEvent, Series, Stanza
from natter.xmpp.stream.limits import AFTER_AUTHENTICATION
from natter.xmpp.stream.reader import Reader

STREAM = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
BODY = "<body>hello</body>"

SIMPLE = [
    f"<message to='bob@example' type='chat' id='1'>{BODY}</message>",
    f'<message id="1" to="bob@example">{BODY}</message>',
    f"<message xml:lang='de' to='bob@example'>{BODY}</message>",
    "<message to='bob@example'><body></body></message>",
    "<message to='bob@example'><body>&lt;&amp;&gt; zwölf \U0001f600\n\t</body></message>",
    f"<message to='bob@example'>{BODY}<active xmlns='http://jabber.org/protocol/chatstates'/></message>",
    f"<message to='b'>{BODY}<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='7'/></message>",
    f"<message to='b'>{BODY}<thread xmlns=\"jabber:client\">t</thread></message>",
    # The prefix is text, not a name.
    "<message to='b'><body>stream:features</body></message>",
]
NOT_SIMPLE = [
    f"<message from='a@b' to='c@d'>{BODY}</message>",
    f"<message to='b' to='c'>{BODY}</message>",
    f"<message to='b' to='b'>{BODY}</message>",
    f"<message to='b' xmlns='jabber:client'>{BODY}</message>",
    f"<message to='b&amp;c'>{BODY}</message>",
    f"<message  to='b'>{BODY}</message>",
    f"<message>{BODY}</message>",
    "<message to='b'/>",
    "<message to='b'><body>&#60;</body></message>",
    "<message to='b'><body>&nbsp;</body></message>",
    "<message to='b'><body>]]></body></message>",
    "<message to='b'><body>\x01</body></message>",
    "<message to='b'><body>\ufffe</body></message>",
    "<message to='b'><body>a</body><body>b</body></message>",
    f"<message to='b'>{BODY}<x xmlns='a'><y/></x></message>",
    f"<message to='b'>{BODY}<x xmlns='a'></z></message>",
    f"<message to='b'>{BODY}<x xmlns=''/></message>",
    f"<message to='b'>{BODY}<x xmlns='http://www.w3.org/2000/xmlns/'/></message>",
    f"<message to='b'>{BODY}<p:x xmlns:p='a'/></message>",
    f"<message to='b'>{BODY}<x xmlns='a}}b'/></message>",
    f"<message to='b'>{BODY}" + "<x xmlns='a'/>" * (simple.CHILDREN_MAX + 1) + "</message>",
    f"<presence to='b'>{BODY}</presence>",
]


def apart(events: list[ReaderEvent]) -> list[ReaderEvent]:
    """Every message by itself."""
    return [one for e in events for one in (simple.singles(e) if isinstance(e, Series) else [e])]


def seen(events: list[ReaderEvent]) -> list[object]:
    return [
        (e.name, e.attributes, e.children, e.raw)
        if isinstance(e, Nonza)
        else (e.kind, e.type, e.to, e.id, e.sender, e.lang, e.children, e.raw, e.head, e.stamped("a@example/r", e.to))
        if isinstance(e, Stanza)
        else e
        for e in apart(events)
    ]


def both(data: bytes) -> tuple[list[ReaderEvent], list[ReaderEvent]]:
    """With the short cut, and with the parser alone."""
    quick, thorough = Reader(), Reader()
    thorough._simple = False
    for reader in (quick, thorough):
        reader.feed(STREAM)
    return quick.feed(data), thorough.feed(data)


@pytest.mark.parametrize("text", SIMPLE)
def test_the_same_without_a_parser(text: str) -> None:
    quick, thorough = both(text.encode())
    [event] = quick
    assert isinstance(event, Stanza) and event.simple
    if "stream:" in text:
        # A declaration of a prefix that nobody uses is left out.
        assert isinstance(thorough[0], Stanza) and thorough[0].raw == event.raw
        return
    assert seen(quick) == seen(thorough)


@pytest.mark.parametrize("text", NOT_SIMPLE)
def test_everything_else_is_the_parsers(text: str) -> None:
    quick, thorough = both(text.encode())
    assert not any(isinstance(event, Stanza) and event.simple for event in quick)
    assert seen(quick) == seen(thorough)


@pytest.mark.parametrize("raw", [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xc3"])
def test_what_is_no_utf8(raw: bytes) -> None:
    quick, thorough = both(b"<message to='b'><body>%b</body></message>" % raw)
    assert seen(quick) == seen(thorough)
    assert not any(isinstance(event, Stanza) for event in quick)


PIECES = st.sampled_from(
    [
        *(text.encode() for text in SIMPLE + NOT_SIMPLE),
        b"<message ",
        b"to='b' ",
        b"id='",
        b"<body>",
        b"</body>",
        b"</message>",
        b"<x xmlns='a'>",
        b"</x>",
        b"&amp;",
        b"]]>",
        b"<!--",
        b"'",
        b'"',
        b">",
        b" ",
        b"\n",
        b"\xc3",
        b"\xbf\xbe\xef",
        b"<r xmlns='urn:xmpp:sm:3'/>",
        b'<a xmlns="urn:xmpp:sm:3" h="5"/>',
        b"<a xmlns='urn:xmpp:sm:3' h='x'/>",
        b"<message to='b' type='chat' id='8'><body>other</body></message>",
        b"<message to='b' type='chat' id=\"9\"><body>another &amp; more</body></message>",
        b"<message id='10' to='b' type='chat'><body>one</body></message>",
        b"<message id='11' to='b' type='chat'><body>two</body></message>",
    ]
)


@given(pieces=st.lists(PIECES, max_size=9))
def test_any_text(pieces: list[bytes]) -> None:
    quick, thorough = both(b"".join(pieces))
    assert [s[:-1] if isinstance(s, tuple) else s for s in seen(quick)] == [
        s[:-1] if isinstance(s, tuple) else s for s in seen(thorough)
    ]


@given(text=st.text(max_size=40), where=st.integers(0, 80))
def test_any_text_at_any_place(text: str, where: int) -> None:
    whole = SIMPLE[6].encode()
    data = whole[:where] + text.encode("utf-8", "replace") + whole[where:]
    quick, thorough = both(data)
    assert [s[:-1] if isinstance(s, tuple) else s for s in seen(quick)] == [
        s[:-1] if isinstance(s, tuple) else s for s in seen(thorough)
    ]


@given(cut=st.integers(1, 400))
def test_reads_end_anywhere(cut: int) -> None:
    data = b"".join(text.encode() for text in SIMPLE[:4])
    reader = Reader()
    reader.feed(STREAM)
    events = reader.feed(data[:cut]) + reader.feed(data[cut:])
    assert [e.raw for e in apart(events) if isinstance(e, Stanza)] == [text.encode() for text in SIMPLE[:4]]


SERIES = [
    [f"<message to='b' type='chat' id='{n}'><body>{n} &lt; \u00e4</body></message>" for n in range(5)],
    [f"<message id='{n}' xml:lang='de' to='b'><body>{n}</body></message>" for n in range(3)],
    [f"<message to='b'><body>{n}</body></message>" for n in range(2)],
    [f"<message to='b' id='{n}'>{BODY}<active xmlns='http://jabber.org/protocol/chatstates'/></message>" for n in "ab"],
]


@pytest.mark.parametrize("texts", SERIES)
def test_messages_that_are_alike_come_as_one(texts: list[str]) -> None:
    quick, thorough = both("".join(texts).encode())
    [event] = quick
    assert isinstance(event, Series) and event.sizes == [len(text.encode()) for text in texts]
    assert seen(quick) == seen(thorough)
    stanzas, sizes = event.stamped("a@example/r")
    written = [e.stamped("a@example/r", e.to) for e in thorough if isinstance(e, Stanza)]
    assert (stanzas, sizes) == (b"".join(written), [len(one) for one in written])


@pytest.mark.parametrize(
    "texts",
    [
        [SIMPLE[0], SIMPLE[1]],
        [f"<message to='b' id='1'>{BODY}</message>", f"<message to='b'>{BODY}</message>"],
        [f"<message to='b' type='chat'>{BODY}</message>", f"<message to='b' type='normal'>{BODY}</message>"],
        # Its end tag is like theirs, and so is its start tag.
        [f"<message to='b'>{BODY}<message xmlns='a'>x</message></message>"] * 2,
        [f"<message to='b'>{BODY}<message-x xmlns='a'/></message>"] * 2,
    ],
)
def test_messages_that_are_not_alike(texts: list[str]) -> None:
    quick, thorough = both("".join(texts).encode())
    assert len(quick) == 2 and not any(isinstance(event, Series) for event in quick)
    assert seen(quick) == seen(thorough)


def test_a_series_ends() -> None:
    quick, thorough = both(SERIES[0][0].encode() * (simple.SERIES_MAX + 2))
    assert [len(event.sizes) for event in quick if isinstance(event, Series)] == [simple.SERIES_MAX, 2]
    assert seen(quick) == seen(thorough)


def test_what_stream_management_puts_between_messages() -> None:
    asked = b"<r xmlns='urn:xmpp:sm:3'/>"
    quick, thorough = both(
        asked + SIMPLE[0].encode() + asked + b"<a xmlns='urn:xmpp:sm:3' h='7'/>" + SIMPLE[0].encode()
    )
    assert [type(event).__name__ for event in quick] == ["Nonza", "Stanza", "Nonza", "Nonza", "Stanza"]
    assert all(event.simple for event in quick if isinstance(event, Stanza))
    assert seen(quick) == seen(thorough)


def test_a_long_message_among_short_ones() -> None:
    texts = [f"<message to='b'><body>{'x' * size}</body></message>".encode() for size in (10, 20, 2000, 10)]
    quick = Reader(replace(AFTER_AUTHENTICATION, stanza_bytes_max=1000))
    quick.feed(STREAM)
    events = apart(quick.feed(b"".join(texts)))
    assert [event.raw if isinstance(event, Stanza) else type(event).__name__ for event in events] == [
        *texts[:2],
        "Violation",
    ]


def test_a_message_above_the_limit_is_refused() -> None:
    data = f"<message to='b'><body>{'x' * 2000}</body></message>".encode()
    quick, thorough = Reader(replace(AFTER_AUTHENTICATION, stanza_bytes_max=1000)), Reader()
    quick.feed(STREAM)
    thorough.feed(STREAM)
    assert [type(event).__name__ for event in quick.feed(data)] == ["Violation"]
    assert len(thorough.feed(data)) == 1


@pytest.mark.parametrize(
    "limits", [{"depth_max": 1}, {"elements_max": 3}, {"attributes_max": 3}, {"namespaces_max": 2}]
)
def test_limits_that_such_a_message_could_pass(limits: dict[str, int]) -> None:
    assert simple.allowed(AFTER_AUTHENTICATION)
    assert not simple.allowed(replace(AFTER_AUTHENTICATION, **limits))


def test_another_default_namespace() -> None:
    reader = Reader()
    reader.feed(b"<s:stream xmlns='urn:other' xmlns:s='http://etherx.jabber.org/streams' version='1.0'>")
    assert not any(isinstance(event, Stanza) for event in reader.feed(SIMPLE[0].encode()))
