"""A listening socket that lets one in at a time, and the others wait outside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from natter.gateway import door as module
from natter.gateway.door import Door, listen
from natter.gateway.gate import Gate
from natter.telemetry.names import LIMITS_HIT

Eventually = Callable[..., Awaitable[None]]


class House:
    """A door, and who has come in."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.timers: list[Callable[[], None]] = []
        self.gate = Gate(1.0, lambda: 0.0, lambda _, call: self.timers.append(call))
        self.inside: list[asyncio.BaseTransport] = []
        self.tasks: set[asyncio.Task[None]] = set()
        (self.socket,) = listen("127.0.0.1", 0, 64)
        self.address = self.socket.getsockname()
        self.door = Door(self.loop, self.gate, self.socket, self.guest, self.spawn, None, 5.0, 1.0)

    def guest(self) -> asyncio.Protocol:
        house = self

        class Guest(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                house.inside.append(transport)

        return Guest()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def knock(self) -> socket.socket:
        return socket.create_connection(self.address)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    made.door.open()
    yield made
    made.door.close()
    for transport in made.inside:
        transport.close()


async def test_those_without_a_turn_wait_outside(house: House, eventually: Eventually) -> None:
    outside = [house.knock() for _ in range(6)]
    # Turns that were saved; the clock of the gate stands still.
    await eventually(lambda: len(house.inside) == 4 and house.timers)
    house.gate._turns = 1.0
    house.timers.pop()()
    await eventually(lambda: len(house.inside) == 5 and house.timers)
    # As many as are let in are accepted; TCP_NODELAY as ever.
    made = house.inside[0].get_extra_info("socket")
    assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for one in outside:
        one.close()


async def test_closed_it_refuses(house: House, eventually: Eventually) -> None:
    waiting = [house.knock() for _ in range(5)]
    await eventually(lambda: len(house.inside) == 4 and house.timers)
    house.door.close()
    with pytest.raises(OSError):
        house.knock()
    # Its turn comes after the end.
    house.gate._turns = 1.0
    house.timers.pop()()
    assert len(house.inside) == 4
    for one in waiting:
        one.close()


class Full:
    """A listening socket of a process that has no file left, for some attempts."""

    def __init__(self, inner: socket.socket, failures: int) -> None:
        self.inner, self.failures = inner, failures
        self.fileno, self.close = inner.fileno, inner.close

    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(24, "Too many open files")
        return self.inner.accept()


async def test_without_files_it_asks_again(
    house: House, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    before = LIMITS_HIT.values.get(("accept",), 0)
    house.door.listening = Full(house.socket, 2)  # type: ignore[assignment]
    one = house.knock()
    await eventually(lambda: len(house.inside) == 1)
    assert LIMITS_HIT.values[("accept",)] == before + 2
    assert "Too many open files" in caplog.text
    one.close()


async def test_whose_turn_finds_no_file_left_is_not_asked_for_at_once(house: House, eventually: Eventually) -> None:
    while house.gate.free():
        pass
    one = house.knock()
    await eventually(lambda: bool(house.timers))
    house.gate._turns = 1.0
    before = LIMITS_HIT.values.get(("accept",), 0)
    house.door.listening = Full(house.socket, 1)  # type: ignore[assignment]
    house.timers.pop()()
    assert LIMITS_HIT.values[("accept",)] == before + 1
    # Nobody listens until a moment has passed.
    assert not house.loop.remove_reader(house.socket)
    one.close()


async def test_a_port_is_shared(house: House) -> None:
    (other,) = listen("127.0.0.1", house.address[1], 64)
    other.close()
    with pytest.raises(OSError):
        listen("192.0.2.1", house.address[1], 64)
