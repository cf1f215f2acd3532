"""Publishing into JetStream: acknowledgements, time-outs, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from natter.bus.api import PublishUnknown, StreamFull, Unavailable, WrongRevision
from natter.bus.publisher import ACK_SECONDS_MAX, JOIN_BYTES_MAX, Publisher, acknowledgement
from natter.bus.wire import OnMessage


class Fake:
    """Stands for `Connection`: keeps what was written and who subscribed."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.inbox = "_INBOX.x"
        self.up = True
        self.written = b""
        self.handler: OnMessage | None = None
        self.on_down: list[Callable[[], None]] = []
        self.on_sweep: list[Callable[[float], None]] = []

    def subscribe(self, subject: str, handler: OnMessage) -> bytes:
        assert subject == "_INBOX.x.p.*"
        self.handler = handler
        return b"1"

    def write(self, data: bytes) -> None:
        self.written += data

    def clogged(self) -> bool:
        return False

    def answer(self, token: int, payload: bytes, header: bytes = b"") -> None:
        assert self.handler is not None
        self.handler(b"_INBOX.x.p.%d" % token, b"", header, payload)


def make() -> tuple[Publisher, Fake]:
    fake = Fake()
    return Publisher(fake), fake  # type: ignore[arg-type]


async def test_what_is_written() -> None:
    publisher, fake = make()
    publisher.publish("natter.lane.0", b"payload", msg_id="p.1")
    assert fake.written == (b"HPUB natter.lane.0 _INBOX.x.p.1 30 37\r\nNATS/1.0\r\nNats-Msg-Id: p.1\r\n\r\npayload\r\n")
    fake.written = b""
    payload = bytes(JOIN_BYTES_MAX + 1)
    publisher.publish("natter.lane.0", payload, expect_last=5)
    header = b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 5\r\n\r\n"
    sizes = b"%d %d" % (len(header), len(header) + len(payload))
    assert fake.written == b"HPUB natter.lane.0 _INBOX.x.p.2 %b\r\n%b%b\r\n" % (sizes, header, payload)


async def test_acknowledgements_find_their_futures() -> None:
    publisher, fake = make()
    futures = [publisher.publish("a", bytes(10)) for _ in range(3)]
    assert publisher.pending_bytes == 30
    fake.answer(2, b'{"stream":"LANES", "seq":12}')
    fake.answer(1, b'{"stream":"LANES","seq":11,"duplicate":true}')
    fake.answer(
        3, b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"stream":"L","seq":0}'
    )
    fake.answer(9, b'{"stream":"LANES","seq":13}')
    assert [futures[0].result(), futures[1].result()] == [11, 12]
    assert isinstance(futures[2].exception(), WrongRevision)
    assert publisher.pending_bytes == 0


async def test_cancelled_future_is_left_alone() -> None:
    publisher, fake = make()
    future = publisher.publish("a", b"")
    future.cancel()
    fake.answer(1, b'{"stream":"LANES","seq":11}')
    assert future.cancelled()


async def test_time_out() -> None:
    publisher, fake = make()
    future = publisher.publish("a", bytes(10))
    fake.on_sweep[0](fake.loop.time())
    assert not future.done()
    fake.on_sweep[0](fake.loop.time() + ACK_SECONDS_MAX + 0.1)
    assert isinstance(future.exception(), PublishUnknown)
    assert publisher.pending_bytes == 0


async def test_lost_connection() -> None:
    publisher, fake = make()
    future = publisher.publish("a", bytes(10))
    fake.up = False
    fake.on_down[0]()
    assert isinstance(future.exception(), PublishUnknown)
    assert isinstance(publisher.publish("a", b"").exception(), Unavailable)
    assert publisher.pending_bytes == 0
    assert len(publisher._waiting) == 0


async def test_too_much_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natter.bus.publisher.PENDING_BYTES_MAX", 100)
    publisher, _ = make()
    first = publisher.publish("a", bytes(101))
    assert not first.done()
    assert isinstance(publisher.publish("a", b"").exception(), Unavailable)


@pytest.mark.parametrize(
    ("header", "payload", "expected"),
    [
        (b"", b'{"stream":"L","domain":"d","seq":7}', 7),
        (b"", b'{"type":"x","seq":8}', 8),
        (b"NATS/1.0 503\r\n\r\n", b"", Unavailable),
        (b"", b'{"error":{"err_code":10077,"description":"maximum bytes exceeded"}}', StreamFull),
        (b"", b"nonsense", PublishUnknown),
    ],
)
def test_acknowledgement(header: bytes, payload: bytes, expected: Any) -> None:
    found = acknowledgement(header, payload)
    assert found == expected if isinstance(expected, int) else type(found) is expected
