"""The kinds of work that are measured. Each returns what it did, with the CPU that the server used for it."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from clients import END, Client, Managed, connect
from servers import cpu_seconds

PASSWORD = "bench"
ACCOUNTS = 100
Pids = Callable[[], list[int]]
BODY = "x" * 96
# Fifths of a second that what is on its way may take to arrive.
QUIET_ROUNDS_MAX = 50
# And what is to be written into archives.
ARCHIVED_ROUNDS_MAX = 300
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


async def people_of(host: str, port: int, count: int, secure: ssl.SSLContext | None = None) -> list[Client]:
    """Log `count` people in: a hundred accounts, then the same with another resource."""

    async def one(i: int) -> Client:
        client = await connect(host, port, secure)
        return await client.login(f"chat{i % ACCOUNTS}", PASSWORD, resource=f"b{i // ACCOUNTS}")

    return [await one(i) for i in range(count)]


def leave(people: list[Client]) -> None:
    """Everybody goes; nobody may have been thrown out before."""
    for person in people:
        assert not person.lost, "a connection was lost under load"
        person.transport.abort()  # type: ignore[union-attr]


def converse(sender: Client, receiver: Client, in_flight: int, came: Callable[[int], bool]) -> None:
    """Keep `in_flight` messages on the way. `came` hears of what arrived, and says whether to go on."""
    message = MESSAGE.format(to=receiver.jid).encode()
    rest = b""
    write = sender.transport.write  # type: ignore[union-attr]

    def arrived(data: bytes) -> None:
        nonlocal rest
        rest += data
        n = rest.count(END)
        if n:
            rest = rest[rest.rfind(END) + len(END) :]
            if came(n):
                write(message * n)

    receiver.on_data = arrived
    sender.on_data = lambda data: None
    write(message * in_flight)


def converse_managed(sender: Client, receiver: Client, in_flight: int, came: Callable[[int], bool]) -> None:
    """`converse` under stream management: both sides ask, and answer what they are asked."""
    message = MESSAGE.format(to=receiver.jid).encode()
    one, other = Managed(sender, message), Managed(receiver, message)
    rest = b""

    def arrived(data: bytes) -> None:
        nonlocal rest
        data = rest + data
        cut = data.rfind(b">") + 1
        rest, data = data[cut:], data[:cut]
        n = data.count(END)
        other.heard(data, n)
        if came(n) and n:
            one.send(n)

    receiver.on_data = arrived
    sender.on_data = lambda data: one.heard(data, 0)
    one.send(in_flight)


async def one_to_one(
    host: str,
    port: int,
    pids: Pids,
    *,
    pairs: int,
    in_flight: int,
    seconds: float,
    warmup: float = 2.0,
    secure: ssl.SSLContext | None = None,
    managed: bool = False,
) -> Result:
    """Pairs that keep `in_flight` messages on the way each: every one that arrives sends the next.

    `managed`: all of them under stream management, asking and answering as clients do.
    """
    people = await people_of(host, port, 2 * pairs, secure)
    count = 0
    going = True
    if managed:
        for person in people:
            await person.manage()

    def came(messages: int) -> bool:
        nonlocal count
        count += messages
        return going

    for i in range(pairs):
        (converse_managed if managed else converse)(people[2 * i], people[2 * i + 1], in_flight, came)
    await asyncio.sleep(warmup)
    before, cpu, began = count, cpu_seconds(pids()), time.perf_counter()
    await asyncio.sleep(seconds)
    result = Result(count - before, time.perf_counter() - began, cpu_seconds(pids()) - cpu)
    # What is still on its way would reach whoever logs in next under these names, and be answered again.
    going = False
    for _ in range(QUIET_ROUNDS_MAX):
        before = count
        await asyncio.sleep(0.2)
        if count == before:
            break
    leave(people)
    return result


@dataclass(frozen=True, slots=True)
class Archived:
    """A load with the archive on. `sent`: its CPU until the last row was written; how long that took after the load."""

    sent: Result
    behind_seconds: float


async def archived(
    host: str, port: int, pids: Pids, rows: Callable[[], int], *, pairs: int, in_flight: int, seconds: float
) -> Archived:
    """`one_to_one`, and then until each of its messages is in both archives."""
    already, cpu = rows(), cpu_seconds(pids())
    load = await one_to_one(host, port, pids, pairs=pairs, in_flight=in_flight, seconds=seconds, warmup=0.0)
    ended, last = time.perf_counter(), 0.0
    found = 0
    for _ in range(ARCHIVED_ROUNDS_MAX):
        if (now := rows() - already) != found:
            found, last = now, time.perf_counter() - ended
        elif found >= 2 * load.stanzas:
            break
        await asyncio.sleep(0.2)
    assert found >= 2 * load.stanzas, f"{found} rows of {load.stanzas} messages"
    return Archived(Result(found // 2, load.seconds, cpu_seconds(pids()) - cpu), last)


async def room(
    host: str, port: int, pids: Pids, *, occupants: int, in_flight: int, seconds: float
) -> tuple[Result, Result]:
    """A room in which ten speak: (joins, deliveries)."""
    people = await people_of(host, port, occupants)
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
    leave(people)
    return joins, spoken


async def latency(host: str, port: int, *, pairs: int, per_second: int, seconds: float) -> tuple[float, float]:
    """Milliseconds from write to read at a fixed rate, whatever comes back: (p50, p99). Open loop."""
    people = await people_of(host, port, 2 * pairs)
    stamp = re.compile(rb"id=.t(\d+)")
    seen: list[float] = []

    def arrived(data: bytes) -> None:
        now = time.perf_counter_ns()
        seen.extend((now - int(sent)) / 1e6 for sent in stamp.findall(data))

    for i in range(pairs):
        people[2 * i].on_data = lambda data: None
        people[2 * i + 1].on_data = arrived
    loop = asyncio.get_running_loop()
    began, count = loop.time(), int(per_second * seconds)
    for n in range(count):
        pair = n % pairs
        await asyncio.sleep(max(0.0, began + n / per_second - loop.time()))
        to = people[2 * pair + 1].jid
        people[2 * pair].send(
            f"<message to='{to}' type='chat' id='t{time.perf_counter_ns()}'><body>{BODY}</body></message>"
        )
    await asyncio.sleep(1.0)
    leave(people)
    assert len(seen) >= count * 0.99, f"{len(seen)} of {count} arrived"
    seen.sort()
    return seen[len(seen) // 2], seen[int(len(seen) * 0.99)]


async def logins(host: str, port: int, pids: Pids, *, count: int) -> Result:
    """Connect, PLAIN, bind, presence, abort: eight at a time."""
    gate = asyncio.Semaphore(8)
    cpu, began = cpu_seconds(pids()), time.perf_counter()

    async def one(i: int) -> None:
        async with gate:
            client = await (await connect(host, port)).login(f"chat{i % 100}", PASSWORD, resource=f"l{i}")
            client.transport.abort()  # type: ignore[union-attr]

    await asyncio.gather(*(one(i) for i in range(count)))
    await asyncio.sleep(1.0)
    return Result(count, time.perf_counter() - began, cpu_seconds(pids()) - cpu)
