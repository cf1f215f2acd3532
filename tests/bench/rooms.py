"""Large rooms: what a delivery costs in them, what it takes to fill one, and what their neighbours feel."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from clients import END, Client, connect
from natter.bus.subjects import shard_of
from servers import cpu_seconds
from work import BODY, PASSWORD, Pids, Result, leave

CONFERENCE = "conference.localhost"
ROOM_SHARDS = 8
STAMP = re.compile(rb"id=.t(\d+)")
# Joins under way at once while a room is filled without a clock.
JOINS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Filled:
    """How a room was filled."""

    joins: Result
    slowest_seconds: float


def neighbour(of: str) -> str:
    """The name of a room in the same shard."""
    wanted = shard_of(f"{of}@{CONFERENCE}", ROOM_SHARDS)
    return next(name for n in count() if shard_of(f"{(name := f'small{n}')}@{CONFERENCE}", ROOM_SHARDS) == wanted)


async def sessions(host: str, port: int, many: int, prefix: str) -> list[Client]:
    """Logged in: resources of the hundred accounts."""
    gate = asyncio.Semaphore(8)

    async def one(i: int) -> Client:
        async with gate:
            return await (await connect(host, port)).login(f"chat{i % 100}", PASSWORD, resource=f"{prefix}{i}")

    return list(await asyncio.gather(*(one(i) for i in range(many))))


async def enter(person: Client, room: str, nick: str) -> float:
    """Join; the seconds until the room's last word of it."""
    began = time.perf_counter()
    await person.ask(
        f"<presence to='{room}@{CONFERENCE}/{nick}'><x xmlns='http://jabber.org/protocol/muc'>"
        "<history maxstanzas='0'/></x></presence>",
        r"code=.110.|<subject",
    )
    # What comes now is only counted.
    person.on_data = lambda data: None
    person.text = b""
    return time.perf_counter() - began


async def fill(people: list[Client], room: str, pids: Pids, *, seconds: float = 0.0) -> Filled:
    """Everybody joins, spread evenly over `seconds`; 0: as fast as it goes."""
    took = [await enter(people[0], room, "n0")]
    people[0].on_data = None
    await people[0].ask(
        f"<iq type='set' id='c1' to='{room}@{CONFERENCE}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_maxusers'><value>5000</value></field></x>"
        "</query></iq>",
        r"id=.c1.",
    )
    people[0].on_data = lambda data: None
    gate = asyncio.Semaphore(len(people) if seconds else JOINS_AT_ONCE)
    loop = asyncio.get_running_loop()
    cpu, began, start = cpu_seconds(pids()), time.perf_counter(), loop.time()

    async def one(i: int) -> None:
        await asyncio.sleep(max(0.0, start + i * seconds / len(people) - loop.time()))
        async with gate:
            took.append(await enter(people[i], room, f"n{i}"))

    await asyncio.gather(*(one(i) for i in range(1, len(people))))
    joins = Result(len(people) - 1, time.perf_counter() - began, cpu_seconds(pids()) - cpu)
    return Filled(joins, max(took))


async def spoken(people: list[Client], room: str, pids: Pids, *, in_flight: int, seconds: float) -> Result:
    """Deliveries, while one speaker keeps so many messages on the way."""
    delivered = 0
    message = f"<message to='{room}@{CONFERENCE}' type='groupchat' id='m'><body>{BODY}</body></message>".encode()

    def listener(person: Client, speaks: bool) -> Callable[[bytes], None]:
        rest = b""

        def arrived(data: bytes) -> None:
            nonlocal delivered, rest
            rest += data
            n = rest.count(END)
            if n:
                rest = rest[rest.rfind(END) + len(END) :]
                delivered += n
                if speaks:
                    person.send(message * n)

        return arrived

    for i, person in enumerate(people):
        person.on_data = listener(person, i == 0)
    people[0].send(message * in_flight)
    await asyncio.sleep(2.0)
    before, cpu, began = delivered, cpu_seconds(pids()), time.perf_counter()
    await asyncio.sleep(seconds)
    return Result(delivered - before, time.perf_counter() - began, cpu_seconds(pids()) - cpu)


async def felt(people: list[Client], room: str, *, per_second: int, seconds: float) -> float:
    """p99 in milliseconds of what the first of a small room says until the second hears it. Open loop."""
    seen: list[float] = []

    def arrived(data: bytes) -> None:
        now = time.perf_counter_ns()
        seen.extend((now - int(sent)) / 1e6 for sent in STAMP.findall(data))

    people[0].on_data = lambda data: None
    people[1].on_data = arrived
    loop = asyncio.get_running_loop()
    began, total = loop.time(), int(per_second * seconds)
    for n in range(total):
        await asyncio.sleep(max(0.0, began + n / per_second - loop.time()))
        people[0].send(
            f"<message to='{room}@{CONFERENCE}' type='groupchat' id='t{time.perf_counter_ns()}'>"
            f"<body>{BODY}</body></message>"
        )
    await asyncio.sleep(2.0)
    assert len(seen) == total, f"{len(seen)} of {total} arrived"
    return sorted(seen)[int(total * 0.99)]


async def beside(speaker: Client, room: str, *, per_second: int, until: asyncio.Event) -> None:
    """Somebody speaks in a large room."""
    while not until.is_set():
        speaker.send(f"<message to='{room}@{CONFERENCE}' type='groupchat' id='b'><body>{BODY}</body></message>")
        await asyncio.sleep(1 / per_second)


async def measure(host: str, port: int, pids: Pids, *, seconds: float) -> None:
    """All of it, printed as it is known."""
    hundred = await sessions(host, port, 100, "h")
    await fill(hundred, "hundred", pids)
    small = (await spoken(hundred, "hundred", pids, in_flight=10, seconds=seconds)).cpu_us
    print(f"  room of 100: {small:.2f} µs per delivery", flush=True)
    leave(hundred)

    thousand = await sessions(host, port, 1000, "t")
    await fill(thousand, "thousand", pids)
    large = (await spoken(thousand, "thousand", pids, in_flight=10, seconds=seconds)).cpu_us
    print(f"  room of 1,000: {large:.2f} µs per delivery, {large / small:.2f} × (must reach 1.2)", flush=True)
    leave(thousand)

    name = neighbour("crowd")
    pair = await sessions(host, port, 2, "p")
    await fill(pair, name, pids)
    alone = await felt(pair, name, per_second=20, seconds=seconds)
    crowd = await sessions(host, port, 2000, "c")
    filled = await fill(crowd, "crowd", pids, seconds=60.0)
    print(
        f"  2,000 join in 60 s: took {filled.joins.seconds:.1f} s, {filled.joins.cpu_us / 1000:.2f} ms CPU per join, "
        f"the slowest {filled.slowest_seconds:.2f} s",
        flush=True,
    )
    over = asyncio.Event()
    speaking = asyncio.create_task(beside(crowd[0], "crowd", per_second=5, until=over))
    together = await felt(pair, name, per_second=20, seconds=seconds)
    over.set()
    await speaking
    print(
        f"  a pair in the same shard: p99 {alone:.2f} ms alone, {together:.2f} ms beside 2,000 with 5 messages/s, "
        f"{together / alone:.2f} × (must reach 2)",
        flush=True,
    )
    leave([*crowd, *pair])
