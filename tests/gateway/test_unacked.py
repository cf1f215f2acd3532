"""What was given and is not acknowledged."""

from __future__ import annotations

from natter.gateway.unacked import Unacked
from natter.proto.v1 import bus_pb2
from natter.xmpp.xeps.stream_management import ASK, MASK


def message(body: str, **fields: object) -> bus_pb2.Frame:
    return bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=body.encode(), **fields)  # type: ignore[arg-type]


def made(bytes_max: int = 100, stanzas_max: int = 5, ask_stanzas: int = 100) -> Unacked:
    return Unacked(bytes_max, stanzas_max, ask_stanzas)


def add(outbox: Unacked, *bodies: str) -> list[bool]:
    return [outbox.add(body.encode(), message(body)) for body in bodies]


def test_stanzas_stay_until_they_are_acknowledged() -> None:
    outbox = made()
    add(outbox, *"abc")
    outbox.say(b"<x/>")
    assert outbox.take() == b"abc<x/>"
    outbox.sent()
    assert (outbox.given, outbox.queue_bytes) == (3, 3)
    assert outbox.acknowledge(2)
    assert (outbox.given, outbox.acknowledged, outbox.queue_bytes) == (3, 2, 1)
    assert [f.stanza for f in outbox.unwritten()] == [b"c"]
    assert outbox.unwritten() == []


def test_more_than_was_sent_and_less_than_before_are_wrong() -> None:
    outbox = made()
    add(outbox, *"abc")
    assert not outbox.acknowledge(4)
    assert outbox.acknowledge(2)
    assert not outbox.acknowledge(1)
    assert outbox.acknowledge(2)


def test_counting_wraps() -> None:
    outbox = made()
    outbox.acknowledged = MASK
    add(outbox, *"ab")
    assert outbox.given == 1
    assert outbox.acknowledge(1)
    assert (outbox.acknowledged, len(outbox.queue)) == (1, 0)


def test_the_client_is_asked_every_so_often() -> None:
    outbox = made(ask_stanzas=2)
    add(outbox, *"abc")
    assert outbox.take() == b"ab" + ASK + b"c"
    assert outbox.unasked == 1


def test_what_was_not_acknowledged_goes_out_again_then_what_came_meanwhile() -> None:
    outbox = made()
    add(outbox, *"abc")
    outbox.take()
    outbox.detach()
    add(outbox, *"de")
    assert outbox.say(b"<nonza/>")
    assert outbox.parts == []
    outbox.acknowledge(1)
    outbox.attach()
    assert outbox.take() == b"bcde" + ASK
    assert outbox.given == 5


def test_the_limits() -> None:
    outbox = made(stanzas_max=3)
    assert add(outbox, *"abcd") == [True, True, True, False]
    outbox.detach()
    assert add(outbox, *"efg") == [True, True, False]
    assert [f.stanza for f in outbox.unwritten()] == [c.encode() for c in "abcdefg"]
    outbox = made(bytes_max=10)
    assert add(outbox, "12345", "12345", "6") == [True, True, False]
    outbox.stall()
    assert outbox.say(b"1234567890")
    assert not outbox.say(b"1")
    outbox.room()
    outbox.take()
    assert outbox.said_bytes == 0


def test_only_what_somebody_is_owed_is_handed_back() -> None:
    outbox = made()
    outbox.add(b"p", bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE))
    outbox.add(b"m", message("m"))
    assert [f.stanza for f in outbox.unwritten()] == [b"m"]
