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
    assert add(outbox, "e") == [False]
    assert [f.stanza for f in outbox.unwritten()] == [c.encode() for c in "abcd"]
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


def numbered(outbox: Unacked, *numbers: int) -> list[bool]:
    return [outbox.append(b"%d," % n, message(str(n)), n << 16) for n in numbers]


def test_above_the_bounds_only_places_are_kept() -> None:
    outbox = made(stanzas_max=4)
    outbox.backlog_stanzas_max = 5
    outbox.detach()
    assert numbered(outbox, *range(1, 10)) == [True] * 9
    assert (len(outbox.queue), list(outbox.backlog)) == (4, [n << 16 for n in range(5, 10)])
    assert (outbox.given, outbox.oldest) == (9, 1)
    assert [place >> 16 for place in outbox.places] == list(range(1, 10))
    assert numbered(outbox, 10) == [False]
    assert not outbox.wanted()
    outbox.attach()
    assert outbox.take() == b"1,2,3,4," + ASK
    # Nothing passes what waits, and nothing more goes out until enough is acknowledged.
    assert not outbox.wanted()
    assert outbox.acknowledge(1) and not outbox.wanted()
    assert outbox.acknowledge(2)
    assert [place >> 16 for place in outbox.wanted()] == [5, 6]
    numbered(outbox, 11)
    assert outbox.parts == []


def test_what_is_read_back_follows_in_order_and_once() -> None:
    outbox = made(stanzas_max=4)
    outbox.backlog_stanzas_max = 100
    outbox.detach()
    numbered(outbox, *range(1, 9))
    outbox.attach()
    outbox.take()
    outbox.acknowledge(4)
    for number in (6, 5, 5, 7, 6, 7):
        outbox.read_back(number << 16, b"%d," % number, message(str(number)))
    assert outbox.take() == b"5,6,7,"
    assert [place >> 16 for place in outbox.backlog] == [8]
    assert outbox.lost(8 << 16) and not outbox.lost(8 << 16)
    numbered(outbox, 9)
    assert outbox.take() == b"9,"
    assert (outbox.given, [f.stanza for f in outbox.unwritten()]) == (8, [b"5", b"6", b"7", b"9"])


def test_a_client_may_have_had_from_elsewhere_what_only_the_log_holds() -> None:
    outbox = made(stanzas_max=2)
    outbox.backlog_stanzas_max = 100
    outbox.detach()
    numbered(outbox, *range(1, 6))
    assert outbox.acknowledge(3)
    assert (len(outbox.queue), [place >> 16 for place in outbox.backlog]) == (0, [4, 5])
    assert not outbox.acknowledge(6)
    assert outbox.oldest == 4
