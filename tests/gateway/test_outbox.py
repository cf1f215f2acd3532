"""What waits for a socket."""

from __future__ import annotations

from array import array

from natter.gateway.outbox import Outbox
from natter.proto.v1 import bus_pb2


def message(body: str, **fields: object) -> bus_pb2.Frame:
    return bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=body.encode(), **fields)  # type: ignore[arg-type]


def add(outbox: Outbox, *bodies: str) -> list[bool]:
    return [outbox.add(body.encode(), message(body)) for body in bodies]


def test_what_was_added_in_one_tick_is_one_write_in_order() -> None:
    outbox = Outbox(bytes_max=10, stanzas_max=2)
    add(outbox, "a", "b")
    outbox.say(b"<r/>")
    add(outbox, "c")
    assert outbox.take() == b"ab<r/>c"
    outbox.sent()
    assert outbox.unwritten() == []
    assert outbox.parts == []


def test_the_limits_hold_only_for_a_socket_that_does_not_read() -> None:
    outbox = Outbox(bytes_max=10, stanzas_max=3)
    assert all(add(outbox, *"abcdefghijklmnop"))
    outbox.take()
    outbox.stall()
    assert add(outbox, *"abcd") == [True, True, True, False]


def test_the_byte_limit() -> None:
    outbox = Outbox(bytes_max=10, stanzas_max=100)
    outbox.stall()
    assert add(outbox, "12345", "12345", "6") == [True, True, False]


def test_what_the_client_may_not_have_got_is_known_in_order() -> None:
    outbox = Outbox(bytes_max=100, stanzas_max=100)
    add(outbox, "written")
    outbox.take()
    outbox.sent()
    add(outbox, "in flight")
    outbox.take()
    outbox.stall()
    add(outbox, "waiting", "waiting too")
    assert [frame.stanza for frame in outbox.unwritten()] == [b"in flight", b"waiting", b"waiting too"]
    assert outbox.unwritten() == []


def test_room_again_means_that_everything_before_was_taken() -> None:
    outbox = Outbox(bytes_max=100, stanzas_max=100)
    add(outbox, "in flight")
    outbox.take()
    outbox.stall()
    add(outbox, "waiting")
    outbox.room()
    assert [frame.stanza for frame in outbox.unwritten()] == [b"waiting"]


def test_frames_that_nobody_is_owed_are_not_kept() -> None:
    outbox = Outbox(bytes_max=100, stanzas_max=100)
    outbox.stall()
    outbox.add(b"p", bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE))
    outbox.add(b"r", bus_pb2.Frame(kind=bus_pb2.KIND_IQ, type="result"))
    outbox.add(b"g", message("g", sessions=["a"], tos=["a@x/y"]))
    outbox.add(b"q", bus_pb2.Frame(kind=bus_pb2.KIND_IQ, type="get", id="q"))
    assert [frame.id for frame in outbox.unwritten()] == ["q"]


def test_a_stalled_socket_does_not_hold_envelopes() -> None:
    envelope = bus_pb2.Envelope(frames=[message("x"), message("y")])
    outbox = Outbox(bytes_max=100, stanzas_max=100)
    outbox.add(b"x", envelope.frames[0])
    outbox.take()
    outbox.stall()
    outbox.add(b"y", envelope.frames[1])
    envelope.frames[0].id = envelope.frames[1].id = "changed"
    assert [frame.id for frame in outbox.unwritten()] == ["", ""]


def test_what_was_given_as_a_series_goes_back_as_its_messages() -> None:
    one, two = message("1"), message("22")
    many = bus_pb2.Frame()
    many.CopyFrom(one)
    many.stanza, many.sizes = one.stanza + two.stanza, array("I", [len(one.stanza), len(two.stanza)]).tobytes()
    for stalls in (False, True):
        outbox = Outbox(bytes_max=1000, stanzas_max=100)
        outbox.add(many.stanza, many)
        assert outbox.take() == many.stanza
        if stalls:
            outbox.stall()
        assert [frame.stanza for frame in outbox.unwritten()] == [one.stanza, two.stanza]
