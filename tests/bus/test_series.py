"""A series and the frames that it stands for are the same thing."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from natter.bus import plain, series
from natter.bus.batch import envelope_head, frame_head
from natter.proto.v1.bus_pb2 import Envelope, Frame

SENDER, TO = "a@b/c", "d@e/f"
HEAD = plain.head(to=TO, type="chat", sender=SENDER, session="s" * 32)
SHARED = plain.shared(3, 1_700_000_000_000_000)
STANZAS = [
    f"<message from='{SENDER}' to='{TO}' type='chat' id='{n}' xml:lang='x'><body>id='no' ä {'y' * n}</body></message>"
    for n in range(5)
]


def a_series(inbound: int = 7, count: int = 5) -> bytes:
    raw = [stanza.encode() for stanza in STANZAS[:count]]
    return plain.series(HEAD, SHARED, inbound, [len(one) for one in raw], b"".join(raw))


def one(number: int, inbound: int = 7) -> Frame:
    raw = STANZAS[number].encode()
    inbound = inbound + number & 0xFFFFFFFF
    return Frame.FromString(plain.frame(HEAD, SHARED, str(number), inbound, b"", raw))


@pytest.mark.parametrize("inbound", [1, 5000, (1 << 32) - 3])
def test_what_it_stands_for(inbound: int) -> None:
    frame = Frame.FromString(a_series(inbound))
    assert list(series.expanded(frame)) == [one(number, inbound) for number in range(5)]
    assert list(series.lengths(frame)) == [len(stanza.encode()) for stanza in STANZAS]


def test_a_frame_stands_for_itself() -> None:
    frame = Frame(to="x", stanza=b"<message/>")
    assert series.expanded(frame) == (frame,)


def test_its_delivery() -> None:
    raw = plain.delivery(a_series(), plain.sequence(9), 3 << 4, "t" * 32)
    wanted = []
    for number in range(5):
        frame = one(number)
        frame.sequence, frame.index = 9, (3 + number) << 4
        frame.sessions.append("t" * 32)
        wanted.append(frame)
    assert list(series.expanded(Frame.FromString(raw))) == wanted


def test_without_ids() -> None:
    raw = b"<message from='a@b' to='c@d'><body>id='1'</body></message>"
    frame = Frame.FromString(plain.series(HEAD, SHARED, 1, [len(raw)] * 2, raw * 2))
    assert [single.id for single in series.expanded(frame)] == ["", ""]


@pytest.mark.parametrize("count", [2, 5])
def test_recipient_and_count_without_decoding(count: int) -> None:
    assert plain.recipient(a_series(count=count)) == (TO.encode(), count)
    many = plain.series(HEAD, SHARED, 1, [3] * 64, b"abc" * 64)
    assert plain.recipient(many) == (TO.encode(), 64)
    assert series.start(many)[1] == 64 and many[series.start(many)[0] :].startswith(plain.START)
    # A longer address is left to protobuf.
    long = plain.head(to="x" * 200, type="chat", sender=SENDER, session="s")
    assert plain.recipient(plain.series(long, SHARED, 1, [1, 2], b"abc")) == (b"", 2)


def test_an_envelope_taken_apart() -> None:
    parts = [Frame(to="first").SerializeToString(), a_series(), Frame(to="last").SerializeToString()]
    payload = envelope_head("g") + b"".join(frame_head(len(part)) + part for part in parts)
    envelope = series.envelope_of(payload)
    assert envelope.source == "g"
    assert list(envelope.frames) == [Frame(to="first"), *(one(n) for n in range(5)), Frame(to="last")]


def test_an_envelope_without_any() -> None:
    envelope = Envelope(source="g", frames=[Frame(to="a"), Frame(to="b")])
    assert series.envelope_of(envelope.SerializeToString()) == envelope
    with pytest.raises(DecodeError):
        series.envelope_of(b"\xff\xff")
