"""Reading the NATS protocol past nats-py."""

from __future__ import annotations

import asyncio

import pytest
from natter.bus.wire import OnMessage, Wire

Got = tuple[bytes, bytes, bytes, bytes]

HEADER = b"NATS/1.0\r\nA: b\r\n\r\n"
OURS = (
    b"MSG a.b 7 3\r\nabc\r\n" + b"MSG a.b 7 reply.to 0\r\n\r\n" + b"HMSG a.c 7 re 18 23\r\n" + HEADER + b"h\r\n\r\n\r\n"
)
OTHERS = b"PING\r\n" + b"MSG x 1 5\r\nMSG 7\r\n" + b"PONG\r\n" + b"HMSG x 1 18 18\r\n" + HEADER + b"\r\n" + b"+OK\r\n"


class Inner(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost: list[Exception | None] = []
        self.paused = 0
        self.eof = 0

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)

    def eof_received(self) -> bool:
        self.eof += 1
        return True

    def pause_writing(self) -> None:
        self.paused += 1

    def resume_writing(self) -> None:
        self.paused -= 1


def make() -> tuple[Wire, Inner, list[Got], list[Wire]]:
    got: list[Got] = []
    lost: list[Wire] = []
    inner = Inner()
    handlers: dict[bytes, OnMessage] = {b"7": lambda *message: got.append(message)}
    return Wire(inner, handlers, lost.append), inner, got, lost


EXPECTED = [
    (b"a.b", b"", b"", b"abc"),
    (b"a.b", b"reply.to", b"", b""),
    (b"a.c", b"re", HEADER, b"h\r\n\r\n"),
]


def interleaved() -> bytes:
    return b"INFO {}\r\n" + OURS + OTHERS + OURS


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_ours_are_dispatched_and_the_rest_is_passed_on(step: int) -> None:
    wire, inner, got, _ = make()
    data = interleaved()
    for at in range(0, len(data), step):
        wire.data_received(data[at : at + step])
    assert got == EXPECTED * 2
    assert inner.data == b"INFO {}\r\n" + OTHERS


def test_large_message_in_many_pieces() -> None:
    wire, _, got, _ = make()
    payload = bytes(range(256)) * 4096
    data = b"MSG a 7 %d\r\n%b\r\nMSG b 7 1\r\nx\r\n" % (len(payload), payload)
    for at in range(0, len(data), 65536):
        wire.data_received(data[at : at + 65536])
    assert [message[3] for message in got] == [payload, b"x"]


def test_handler_that_raises_does_not_stop_the_rest() -> None:
    wire, _, got, _ = make()

    def fail(*message: bytes) -> None:
        raise RuntimeError

    wire._handlers[b"8"] = fail
    wire.data_received(b"MSG a 8 1\r\nx\r\nMSG a 7 1\r\ny\r\n")
    assert [message[3] for message in got] == [b"y"]


def test_handler_may_go_while_messages_are_on_their_way() -> None:
    wire, inner, got, _ = make()
    wire._handlers.clear()
    wire.data_received(b"MSG a 7 1\r\nx\r\n")
    assert got == []
    # nats-py does not know the sid and ignores it.
    assert inner.data == b"MSG a 7 1\r\nx\r\n"


def test_events_of_the_transport_reach_both() -> None:
    wire, inner, _, lost = make()
    wire.pause_writing()
    assert inner.paused == 1
    wire.resume_writing()
    assert inner.paused == 0
    assert wire.eof_received() is True
    error = OSError()
    wire.connection_lost(error)
    assert inner.lost == [error]
    assert lost == [wire]
