"""What is checked of a client's stanza, and the frame made of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from natter.bus.directory import Session as Record
from natter.bus.subjects import room_bit
from natter.gateway import pipeline
from natter.gateway.pipeline import Refused
from natter.gateway.session import Announcement, Session
from natter.proto.v1 import bus_pb2
from natter.xmpp import element
from natter.xmpp.stream.events import Stanza, scope
from natter.xmpp.traits import Trait

ROOT = scope(b"stream:stream", (("", "jabber:client"), ("stream", "http://etherx.jabber.org/streams")), None)
ME = "alice@example/phone"


@pytest.fixture
def session(session_of: Callable[..., Session]) -> Session:
    return session_of(Record(ME, "alice@example", "phone", "s1", "g", False, 0, 0, 1))


def stanza(text: str) -> Stanza:
    """A stanza as the reader would hand it out."""
    parsed = element.parse(text.encode())
    return Stanza(
        parsed.tag.partition("}")[2],
        parsed.get("type", ""),
        parsed.get("to"),
        parsed.get("id"),
        parsed.get("from"),
        None,
        tuple(child.tag for child in parsed),
        text.encode(),
        ROOT,
    )


FINE = [
    "<message/>",
    "<message to='bob@example' type='nonsense'><body>x</body></message>",
    "<message from='alice@example/phone'/>",
    "<message from='alice@example'/>",
    "<message from='Alice@EXAMPLE'/>",
    "<presence/>",
    "<presence to='bob@example' type='subscribe'/>",
    "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq type='result' id='1'/>",
    "<iq type='error' id='1'><ping xmlns='urn:xmpp:ping'/><error/></iq>",
]
WRONG = [
    ("<message from='mallory@example'/>", Refused("invalid-from", fatal=True)),
    ("<message from='alice@example/tablet'/>", Refused("invalid-from", fatal=True)),
    ("<message from='example'/>", Refused("invalid-from", fatal=True)),
    ("<message from=''/>", Refused("invalid-from", fatal=True)),
    ("<iq from='mallory@example' to='@'/>", Refused("invalid-from", fatal=True)),
    ("<message to='a b@example'/>", Refused("jid-malformed")),
    ("<message to=''/>", Refused("jid-malformed")),
    ("<message to='@example'/>", Refused("jid-malformed")),
    ("<presence type='away'/>", Refused("bad-request", "unknown type")),
    ("<iq type='get'><a xmlns='b'/></iq>", Refused("bad-request", "an iq has an id and a type")),
    ("<iq type='' id='1'><a xmlns='b'/></iq>", Refused("bad-request", "an iq has an id and a type")),
    ("<iq type='put' id='1'><a xmlns='b'/></iq>", Refused("bad-request", "an iq has an id and a type")),
    ("<iq type='get' id='1'/>", Refused("bad-request", "an iq has one payload")),
    ("<iq type='set' id='1'><a xmlns='b'/><a xmlns='b'/></iq>", Refused("bad-request", "an iq has one payload")),
    ("<iq type='result' id='1'><a xmlns='b'/><a xmlns='b'/></iq>", Refused("bad-request", "an iq has one payload")),
]


@pytest.mark.parametrize("text", FINE)
def test_what_goes_on(session: Session, text: str) -> None:
    assert pipeline.refusal(session, stanza(text)) is None


@pytest.mark.parametrize(("text", "refused"), WRONG)
def test_what_is_refused(session: Session, text: str, refused: Refused) -> None:
    assert pipeline.refusal(session, stanza(text)) == refused


def test_a_malformed_recipient_is_answered_by_the_server(session: Session) -> None:
    asked = stanza("<message id='a&apos;b' to='a b@example'><body>x</body></message>")
    told = element.parse(pipeline.answer(session, asked, Refused("jid-malformed")))
    assert dict(told.attrib) == {"type": "error", "id": "a'b", "from": "example", "to": ME}
    assert [child.tag for child in told] == ["{jabber:client}error"]


def test_a_bad_request_is_answered_in_the_name_of_whom_it_was_for(session: Session) -> None:
    told = element.parse(pipeline.answer(session, stanza("<iq type='get' id='1' to='BOB@example'/>"), WRONG[12][1]))
    assert told.get("from") == "bob@example"
    told = element.parse(pipeline.answer(session, stanza("<iq type='get' id='1'/>"), WRONG[12][1]))
    assert "from" not in told.attrib


@pytest.mark.parametrize(
    "text", ["<message type='error' to='@'/>", "<iq type='error' id='1' to='@'/>", "<iq type='result' to='@'/>"]
)
def test_errors_and_results_are_not_answered(session: Session, text: str) -> None:
    assert pipeline.answer(session, stanza(text), Refused("jid-malformed")) == b""


def test_the_frame_of_a_message(session: Session) -> None:
    session.inbound = 7
    raw = (
        "<message to='BOB@example/A' type='chat' id='1'><body>hi</body><private xmlns='urn:xmpp:carbons:2'/></message>"
    )
    frame = pipeline.frame_of(session, stanza(raw), 123)
    assert (frame.kind, frame.type, frame.sender, frame.to, frame.id) == (1, "chat", ME, "bob@example/A", "1")
    assert (frame.session, frame.inbound, frame.accepted_us, frame.payload) == ("s1", 7, 123, "")
    assert frame.traits == Trait.BODY | Trait.PRIVATE
    parsed = element.parse(frame.stanza)
    assert (parsed.get("from"), parsed.get("to")) == (ME, "bob@example/A")
    assert parsed.findtext("{jabber:client}body") == "hi"


def test_the_frame_of_an_iq_names_its_payload(session: Session) -> None:
    frame = pipeline.frame_of(session, stanza("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), 1)
    assert (frame.kind, frame.payload, frame.to) == (bus_pb2.KIND_IQ, "{urn:xmpp:ping}ping", "")
    assert element.parse(frame.stanza).get("to") is None


def test_a_forged_sender_is_never_forwarded(session: Session) -> None:
    frame = pipeline.frame_of(session, stanza("<message from='alice@example'/>"), 1)
    assert frame.stanza.count(b"from=") == 1
    assert element.parse(frame.stanza).get("from") == ME


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["<presence/>"], [Announcement(True, 0)]),
        (["<presence><priority>5</priority></presence>"], [Announcement(True, 5)]),
        (["<presence/>", "<presence><show>away</show></presence>"], [Announcement(True, 0), None]),
        (
            ["<presence/>", "<presence><priority>-1</priority></presence>", "<presence type='unavailable'/>"],
            [Announcement(True, 0), Announcement(True, -1), Announcement(False, 0)],
        ),
        (["<presence type='unavailable'/>"], [None]),
        (["<presence to='room@conference.example/nick'/>"], [None]),
        (["<presence to='bob@example' type='subscribe'/>"], [None]),
    ],
)
def test_what_presence_changes_in_the_directory(
    session: Session, texts: list[str], said: list[Announcement | None]
) -> None:
    frames = [pipeline.frame_of(session, stanza(text), 1) for text in texts]
    assert [pipeline.announcement(session, frame) for frame in frames] == said


def test_who_is_available_no_more_says_which_rooms_he_may_be_in(session: Session) -> None:
    join = "<presence to='{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    rooms = ("den@conference.example/me", "Pit@conference.example/me")
    for text in (*(join.format(room) for room in rooms), "<presence to='other@conference.example/me'/>"):
        assert not pipeline.frame_of(session, stanza(text), 1).rooms
    both = room_bit("den@conference.example") | room_bit("pit@conference.example")
    assert session.rooms == both
    # RFC 6121 §4.6.3: directed presence that is taken back, and presence for one contact, are something else.
    assert not pipeline.frame_of(session, stanza("<presence type='unavailable' to='bob@example'/>"), 1).rooms
    assert not pipeline.frame_of(session, stanza("<presence/>"), 1).rooms
    assert pipeline.frame_of(session, stanza("<presence type='unavailable'/>"), 1).rooms == both
    assert not pipeline.frame_of(session, stanza("<presence type='unavailable'/>"), 1).rooms


def test_a_question_to_the_archive_says_what_its_asker_has_seen(session: Session) -> None:
    session.heard |= {"lane.0": 5 << 32 | 19, "lane.2": 7 << 32}
    asked = pipeline.frame_of(session, stanza("<iq type='set' id='1'><query xmlns='urn:xmpp:mam:2'/></iq>"), 1)
    assert {mark.source: (mark.sequence, mark.index) for mark in asked.heard} == {"lane.0": (5, 16), "lane.2": (7, 0)}
    other = pipeline.frame_of(session, stanza("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), 1)
    assert not other.heard
