"""A listening socket that lets one in at a time, and the others wait outside."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from natter.gateway import door as module
from natter.gateway.door import Door, listen
from natter.gateway.gate import SAVED_MAX, Gate
from natter.gateway.tls import server_context
from natter.runtime import certificates
from natter.telemetry.names import LIMITS_HIT

SAVED = int(SAVED_MAX)
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
        self.door = self.made()

    def made(self, tls: ssl.SSLContext | None = None, tls_seconds_max: float = 30.0) -> Door:
        return Door(self.loop, self.gate, self.socket, self.guest, self.spawn, tls, tls_seconds_max, 1.0, 64)

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
    outside = [house.knock() for _ in range(SAVED + 2)]
    # Turns that were saved; the clock of the gate stands still.
    await eventually(lambda: len(house.inside) == SAVED and house.timers)
    house.gate._turns = 1.0
    house.timers.pop()()
    await eventually(lambda: len(house.inside) == SAVED + 1 and house.timers)
    # As many as are let in are accepted; TCP_NODELAY as ever.
    made = house.inside[0].get_extra_info("socket")
    assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for one in outside:
        one.close()


async def test_closed_it_refuses(house: House, eventually: Eventually) -> None:
    waiting = [house.knock() for _ in range(SAVED + 2)]
    await eventually(lambda: len(house.inside) == SAVED and house.timers)
    turn(house)
    await eventually(lambda: len(house.inside) == SAVED + 1 and house.timers)
    house.door.close()
    with pytest.raises(OSError):
        house.knock()
    # Its turn comes after the end.
    house.gate._turns = 1.0
    house.timers.pop()()
    assert len(house.inside) == SAVED + 1
    # Accepted, but not let in.
    refused = next(one for one in waiting if one.getsockname() not in {peer(one) for one in house.inside})
    refused.settimeout(30)
    assert await asyncio.to_thread(refused.recv, 1) == b""
    for one in waiting:
        one.close()


def turn(house: House) -> None:
    """One more may come in."""
    house.gate._turns = 1.0
    house.timers.pop()()


async def crowded(house: House, eventually: Eventually, count: int) -> list[socket.socket]:
    """So many wait, in this order, and have been accepted; there are no turns left, and one has come in."""
    while house.gate.free():
        pass
    waiting = [house.knock() for _ in range(count + 1)]
    await eventually(lambda: bool(house.timers))
    turn(house)
    await eventually(lambda: len(house.inside) == 1 and house.timers)
    assert peer(house.inside[0]) == waiting.pop().getsockname()
    assert len(house.door._waiting) == count
    return waiting


def peer(transport: asyncio.BaseTransport) -> Any:
    return transport.get_extra_info("socket").getpeername()


async def test_who_has_come_last_is_let_in_first(house: House, eventually: Eventually) -> None:
    waiting = await crowded(house, eventually, 3)
    late = house.knock()
    expected = [late, *reversed(waiting)]
    for number in range(len(expected)):
        turn(house)
        await eventually(lambda number=number: len(house.inside) == number + 2)
    assert [peer(one) for one in house.inside[1:]] == [one.getsockname() for one in expected]
    # Nobody waits: the next one is heard of.
    assert not house.timers
    house.gate._turns = 1.0
    with house.knock():
        await eventually(lambda: len(house.inside) == len(expected) + 2)


async def test_who_has_given_up_takes_nobodys_turn(house: House, eventually: Eventually) -> None:
    waiting = await crowded(house, eventually, 3)
    before = LIMITS_HIT.values.get(("gave_up",), 0)
    # Also who has said something before.
    waiting[2].send(b"<stream:stream")
    for one in waiting[1:]:
        one.close()
    turn(house)
    await eventually(lambda: len(house.inside) == 2)
    assert peer(house.inside[1]) == waiting[0].getsockname()
    assert LIMITS_HIT.values[("gave_up",)] == before + 2 and not house.timers


async def test_who_gives_up_before_the_handshake_costs_none(
    house: House, eventually: Eventually, tls: ssl.SSLContext
) -> None:
    house.door.tls = tls
    while house.gate.free():
        pass
    one = house.knock()
    one.send(b"\x16\x03\x01")
    await eventually(lambda: bool(house.timers))
    turn(house)
    await eventually(lambda: len(house.tasks) == 1 and house.timers)
    one.close()
    before = LIMITS_HIT.values.get(("tls_handshake",), 0)
    turn(house)
    await eventually(lambda: not house.tasks)
    assert LIMITS_HIT.values[("tls_handshake",)] == before + 1 and not house.inside


async def test_who_waits_too_long_is_cut_off(house: House, eventually: Eventually) -> None:
    house.door.tls_seconds_max = 0.0
    while house.gate.free():
        pass
    one = house.knock()
    await eventually(lambda: bool(house.timers))
    house.door._accept()
    await eventually(lambda: house.loop.time() > house.door._waiting[0][0])
    turn(house)
    one.settimeout(30)
    assert await asyncio.to_thread(one.recv, 1) == b"" and not house.inside


async def test_only_so_many_are_accepted_to_wait(house: House, eventually: Eventually) -> None:
    house.door.waiting_max = 2
    while house.gate.free():
        pass
    waiting = [house.knock() for _ in range(5)]
    await eventually(lambda: bool(house.timers))
    for number in range(5):
        turn(house)
        assert len(house.door._waiting) <= 1
        await eventually(lambda number=number: len(house.inside) == number + 1)
    assert {peer(one) for one in house.inside} == {one.getsockname() for one in waiting}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    made = certificates.ensure(tmp_path_factory.mktemp("tls"), "localhost")
    return server_context(made.certificate, made.key)


def shake(address: Any) -> ssl.SSLSocket:
    """The client's side, on another thread."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, timeout=30) as plain:
        return context.wrap_socket(plain)


async def test_a_handshake_has_a_turn_when_the_client_has_begun_it(
    house: House, eventually: Eventually, tls: ssl.SSLContext
) -> None:
    house.door.tls = tls
    silent = house.knock()
    await eventually(lambda: len(house.tasks) == 1)
    while house.gate.free():
        pass
    house.gate._turns = 1.0
    shaking = asyncio.create_task(asyncio.to_thread(shake, house.address))
    # Accepted, with the last turn; its handshake waits for the next one, and who says nothing for none.
    await eventually(lambda: len(house.tasks) == 2 and house.timers)
    assert house.gate._turns < 1.0 and not house.inside
    house.gate._turns = 1.0
    house.timers.pop()()
    one = await shaking
    await eventually(lambda: len(house.inside) == 1)
    assert one.version() in ("TLSv1.2", "TLSv1.3") and len(house.tasks) == 1
    one.close()
    house.gate._turns = 1.0
    silent.close()
    await eventually(lambda: not house.tasks)


async def test_who_connects_and_says_nothing_is_cut_off(
    house: House, eventually: Eventually, tls: ssl.SSLContext
) -> None:
    house.door.close()
    (house.socket,) = listen("127.0.0.1", 0, 64)
    house.door = house.made(tls, 0.05)
    house.door.open()
    before = LIMITS_HIT.values.get(("tls_handshake",), 0)
    with socket.create_connection(house.socket.getsockname(), timeout=30) as silent:
        assert await asyncio.to_thread(silent.recv, 1) == b""
    assert LIMITS_HIT.values[("tls_handshake",)] == before + 1 and not house.inside
    await eventually(lambda: not house.tasks)


async def test_stopped_it_leaves_no_connection_open(house: House, eventually: Eventually, tls: ssl.SSLContext) -> None:
    house.door.tls = tls
    with house.knock() as silent:
        await eventually(lambda: len(house.tasks) == 1)
        for task in list(house.tasks):
            task.cancel()
        silent.settimeout(30)
        assert await asyncio.to_thread(silent.recv, 1) == b""


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


async def test_whose_turn_finds_no_file_left_is_not_asked_for_at_once(
    house: House, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 3600.0)
    while house.gate.free():
        pass
    one = house.knock()
    await eventually(lambda: bool(house.timers))
    house.gate._turns = 1.0
    before = LIMITS_HIT.values.get(("accept",), 0)
    house.door.listening = Full(house.socket, 1)  # type: ignore[assignment]
    house.timers.pop()()
    assert LIMITS_HIT.values[("accept",)] == before + 1
    # Nobody listens until a moment has passed, though a turn is free.
    house.gate._turns = 1.0
    with house.knock():
        for _ in range(20):
            await asyncio.sleep(0)
    assert not house.inside and house.gate._turns == 1.0
    one.close()


async def test_a_port_is_shared(house: House) -> None:
    (other,) = listen("127.0.0.1", house.address[1], 64)
    other.close()
    with pytest.raises(OSError):
        listen("192.0.2.1", house.address[1], 64)
