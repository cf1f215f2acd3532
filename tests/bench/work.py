"""The kinds of work that are measured. Each returns what it did, with the CPU that the server used for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from clients import END, Client, connect
from servers import cpu_seconds

PASSWORD = "bench"
Pids = Callable[[], list[int]]
BODY = "x" * 96
MESSAGE = "<message to='{to}' type='chat' id='m'><body>" + BODY + "</body></message>"


@dataclass(frozen=True, slots=True)
class Result:
    """What one measurement saw."""

    stanzas: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.stanzas / self.seconds

    @property
    def cpu_us(self) -> float:
        """Server CPU microseconds per delivered stanza."""
        return self.cpu_seconds / self.stanzas * 1e6


async def register(host: str, port: int, names: list[str]) -> None:
    """Make the accounts."""
    for name in names:
        client = await connect(host, port)
        await client.register(name, PASSWORD)
        assert client.transport is not None
        client.transport.close()


async def one_to_one(
    host: str, port: int, pids: Pids, *, pairs: int, in_flight: int, seconds: float, warmup: float = 2.0
) -> Result:
    """Pairs that keep `in_flight` messages on the way each: every one that arrives sends the next."""
    names = [f"chat{i}" for i in range(2 * pairs)]
    people = [await (await connect(host, port)).login(name, PASSWORD) for name in names]
    count = 0

    def start(sender: Client, receiver: Client) -> None:
        message = MESSAGE.format(to=receiver.jid).encode()
        rest = b""
        write = sender.transport.write  # type: ignore[union-attr]

        def arrived(data: bytes) -> None:
            nonlocal count, rest
            rest += data
            n = rest.count(END)
            if n:
                rest = rest[rest.rfind(END) + len(END) :]
                count += n
                write(message * n)

        receiver.on_data = arrived
        sender.on_data = lambda data: None
        write(message * in_flight)

    for i in range(pairs):
        start(people[2 * i], people[2 * i + 1])
    await asyncio.sleep(warmup)
    before, cpu, began = count, cpu_seconds(pids()), time.perf_counter()
    await asyncio.sleep(seconds)
    result = Result(count - before, time.perf_counter() - began, cpu_seconds(pids()) - cpu)
    for person in people:
        assert not person.lost, "a connection was lost under load"
        person.transport.abort()  # type: ignore[union-attr]
    return result


async def room(
    host: str, port: int, pids: Pids, *, occupants: int, in_flight: int, seconds: float
) -> tuple[Result, Result]:
    """A room in which ten speak: (joins, deliveries)."""
    names = [f"chat{i}" for i in range(occupants)]
    people = [await (await connect(host, port)).login(name, PASSWORD) for name in names]
    address = "bench@conference.localhost"
    cpu, began = cpu_seconds(pids()), time.perf_counter()
    for i, person in enumerate(people):
        await person.ask(
            f"<presence to='{address}/n{i}'><x xmlns='http://jabber.org/protocol/muc'>"
            "<history maxstanzas='0'/></x></presence>",
            r"code=.110.|<subject",
        )
        if i == 0:
            await person.ask(
                f"<iq type='set' id='c1' to='{address}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>",
                r"id=.c1.",
            )
    await asyncio.sleep(1.0)
    joins = Result(occupants, time.perf_counter() - began, cpu_seconds(pids()) - cpu)

    count = 0
    message = f"<message to='{address}' type='groupchat' id='m'><body>{BODY}</body></message>".encode()

    def listen(person: Client, speaks: bool) -> None:
        rest = b""
        mine = person.transport

        def arrived(data: bytes) -> None:
            nonlocal count, rest
            rest += data
            n = rest.count(END)
            if n:
                rest = rest[rest.rfind(END) + len(END) :]
                count += n
                if speaks:
                    mine.write(message * n)  # type: ignore[union-attr]

        person.on_data = arrived

    # One speaker hears every message and keeps the number on the way constant.
    for i, person in enumerate(people):
        listen(person, speaks=i == 0)
    people[0].send(message * in_flight)
    await asyncio.sleep(2.0)
    before, cpu, began = count, cpu_seconds(pids()), time.perf_counter()
    await asyncio.sleep(seconds)
    spoken = Result(count - before, time.perf_counter() - began, cpu_seconds(pids()) - cpu)
    for person in people:
        assert not person.lost, "a connection was lost under load"
        person.transport.abort()  # type: ignore[union-attr]
    return joins, spoken
