"""Direct gets: what their answers mean. Reading itself is test_behaviour.py."""

from __future__ import annotations

import asyncio

import pytest
from natter.bus import direct
from natter.bus.api import Entry, NoStream, Unavailable
from natter.bus.wire import OnMessage


class Script:
    """Stands for `Requests`: answers every request with the next list of (header, payload)."""

    def __init__(self, *answers: list[tuple[bytes, bytes]]) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []

    async def one(self, subject: str, payload: bytes) -> tuple[bytes, bytes]:
        return self.answers.pop(0)[0]

    async def ask(self, subject: str, payload: bytes, on_reply: OnMessage, future: asyncio.Future[bool]) -> bool:
        self.asked.append(payload)
        for header, body in self.answers.pop(0):
            on_reply(b"", b"", header, body)
        return await future


def message(sequence: int, payload: bytes = b"x") -> tuple[bytes, bytes]:
    header = b"NATS/1.0\r\nNats-Stream: S\r\nNats-Subject: a.b\r\nNats-Sequence: %d\r\n\r\n" % sequence
    return header, payload


def end(pending: int) -> tuple[bytes, bytes]:
    return b"NATS/1.0 204 EOB\r\nNats-Num-Pending: %d\r\n\r\n" % pending, b""


async def test_read_asks_again_while_more_is_pending() -> None:
    script = Script([message(1), message(2), end(1)], [message(5), end(0)])
    found = await direct.read(script, "S", "a.b", after=0, limit=10)  # type: ignore[arg-type]
    assert [entry.sequence for entry in found] == [1, 2, 5]
    assert b'"seq": 3' in script.asked[1]
    assert b'"batch": 8' in script.asked[1]


async def test_last_may_be_nothing() -> None:
    script = Script([(b"NATS/1.0 404 Message Not Found\r\n\r\n", b"")])
    assert await direct.last(script, "S", "a.b") is None  # type: ignore[arg-type]
    script = Script([message(3)])
    assert await direct.last(script, "S", "a.b") == Entry("a.b", 3, b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "error"),
    [(b"413 Too Many Results", direct.TooMany), (b"503", NoStream), (b"408 Bad Request", Unavailable)],
)
async def test_errors(status: bytes, error: type[Exception]) -> None:
    script = Script([(b"NATS/1.0 %b\r\n\r\n" % status, b"")])
    with pytest.raises(error):
        await direct.last_many(script, "S", "a.*")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-21T06:30:00.123456789Z", 123456),
        # The server leaves zeros at the end away.
        ("2026-11-21T06:30:00.12Z", 120000),
        ("2026-11-21T06:30:00Z", 0),
    ],
)
async def test_when_an_entry_was_stored(stamp: str, expected: int) -> None:
    header = message(5)[0].replace(b"\r\n\r\n", b"\r\nNats-Time-Stamp: %b\r\n\r\n" % stamp.encode())
    script = Script([(header, b"x"), (b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\n\r\n", b"")])
    [found] = await direct.dated(script, "S", "a.>", since_us=1_795_242_600_500_000, limit=5)  # type: ignore[arg-type]
    assert found.stored_us == 1_795_242_600_000_000 + expected
    assert b'"start_time": "2026-11-21T06:30:00.500000Z"' in script.asked[0]


async def test_an_entry_without_a_time() -> None:
    script = Script([message(5), (b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\n\r\n", b"")])
    [found] = await direct.dated(script, "S", "a.>", limit=5)  # type: ignore[arg-type]
    assert found.stored_us == 0
