"""What was given and is not acknowledged."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st
from natter.gateway.unacked import Cursor, Unacked
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
    assert (outbox.acknowledged, outbox.queue_stanzas) == (1, 0)


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
    assert (outbox.queue_stanzas, list(outbox.backlog)) == (4, [n << 16 for n in range(5, 10)])
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
    assert (outbox.queue_stanzas, [place >> 16 for place in outbox.backlog]) == (0, [4, 5])
    assert not outbox.acknowledge(6)
    assert outbox.oldest == 4


def a_series(first: int, count: int) -> tuple[bus_pb2.Frame, array[int]]:
    stanzas = [stanza(number) for number in range(first, first + count)]
    sizes = array("I", map(len, stanzas))
    frame = message("", sizes=sizes.tobytes())
    frame.stanza = b"".join(stanzas)
    return frame, sizes


def stanza(number: int) -> bytes:
    return b"<message id='%d'/>" % number


def test_of_a_series_some_may_be_acknowledged() -> None:
    outbox = Unacked(10_000, 100, 100, Cursor("lane.0", 7, 3))
    add(outbox, "a")
    outbox.cursor.position = 4
    outbox.add_series(*a_series(1, 3))
    add(outbox, "z")
    assert (outbox.given, outbox.take()) == (5, b"a" + b"".join(map(stanza, (1, 2, 3))) + b"z")
    assert outbox.acknowledge(2)
    assert (outbox.queue_stanzas, outbox.queue_bytes) == (3, 2 * len(stanza(1)) + 1)
    outbox.detach()
    outbox.attach()
    assert outbox.take() == stanza(2) + stanza(3) + b"z" + ASK
    assert [f.stanza for f in outbox.unwritten()] == [stanza(2), stanza(3), b"z"]
    assert (outbox.queue_stanzas, outbox.queue_bytes, outbox.handled) == (0, 0, 0)


def test_what_is_out_of_bounds_or_out_of_order_comes_one_by_one() -> None:
    outbox = Unacked(10_000, 5, 100, backlog_stanzas_max=4)
    assert outbox.takes([20] * 5) and not outbox.takes([20] * 6) and not outbox.takes([6000] * 2)
    outbox.add_series(*a_series(1, 4))
    assert outbox.takes([20]) and not outbox.takes([20] * 2)
    outbox.detach()
    outbox.acknowledge(4)
    outbox.backlog.append(7)
    assert not outbox.takes([20])
    outbox.backlog.pop()
    outbox.capture = lambda stanza, frame: None
    assert not outbox.takes([20])


ACTS = st.lists(st.sampled_from(["one", "series", "some", "all", "detach", "attach"]), max_size=40)


@given(ACTS, st.data())
def test_a_series_is_to_the_client_what_its_messages_are(acts: list[str], data: st.DataObject) -> None:
    whole, apart = (Unacked(300, 12, 1 << 30, Cursor(), 1 << 20) for _ in range(2))
    number = 0
    written: tuple[bytes, bytes] = b"", b""
    for act in acts:
        match act:
            case "one" | "series":
                count = 1 if act == "one" else data.draw(st.integers(2, 6))
                frame, sizes = a_series(number, count)
                for outbox in (whole, apart):
                    outbox.cursor.sequence += 1
                    outbox.cursor.position = 0
                if whole.takes(sizes):
                    whole.add_series(frame, sizes)
                else:
                    for position in range(count):
                        whole.cursor.position = position
                        whole.add(stanza(number + position), message(""))
                for position in range(count):
                    apart.cursor.position = position
                    apart.add(stanza(number + position), message(""))
                number += count
            case "some" | "all":
                known = (whole.given - whole.acknowledged) & MASK
                h = whole.acknowledged + (known if act == "all" else data.draw(st.integers(0, known)))
                assert whole.acknowledge(h) and apart.acknowledge(h)
            case "detach" | "attach":
                for outbox in (whole, apart):
                    if outbox.attached == (act == "detach"):
                        getattr(outbox, act)()
        written = written[0] + whole.take(), written[1] + apart.take()
        assert written[0] == written[1]
        assert list(whole.places) == list(apart.places)
        for name in ("given", "acknowledged", "queue_stanzas", "queue_bytes", "oldest", "backlog"):
            assert getattr(whole, name) == getattr(apart, name), name
    assert len(whole.unwritten()) == len(apart.unwritten())
