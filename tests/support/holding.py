"""A large room whose holder is killed again and again while people speak: what all of them heard, and its archive."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from natter.bus import subjects
from natter.bus.kv import Bucket
from natter.bus.nats import NatsBus, connect
from raw import Raw, register_many
from stack import Stack

ROOM = "held@conference.localhost"
# As many as the settings say without being told.
ROOM_SHARDS = 8
ACCOUNTS = 50
PASSWORD = "pw"
MUC = "http://jabber.org/protocol/muc"
AT_ONCE = 8
PAUSE_SECONDS = (2.5, 3.5)
SECONDS_MAX = 60.0
# What only these say of a stanza: words, somebody who is gone, an error.
SEEN = re.compile(rb"<body>(\d+)</body>|type=['\"](unavailable|error)['\"]")
TAIL_BYTES = 64


@dataclass(slots=True, eq=False)
class Occupant:
    """A session in the room, and what it has heard."""

    connection: Raw
    heard: list[int] = field(default_factory=list)
    # Somebody was seen leaving, or there was an error: nobody leaves, and nothing is wrong with what is said.
    amiss: Counter[bytes] = field(default_factory=Counter)
    closed: bool = False

    async def listen(self, came: asyncio.Event) -> None:
        rest = b""
        while data := await self.connection.reader.read(1 << 16):
            rest += data
            end = 0
            for match in SEEN.finditer(rest):
                end = match.end()
                if match.group(1):
                    self.heard.append(int(match.group(1)))
                else:
                    self.amiss[match.group(2)] += 1
            rest = rest[max(end, len(rest) - TAIL_BYTES) :]
            came.set()
        self.closed = True


@dataclass(frozen=True, slots=True)
class Held:
    """What became of the room."""

    occupants: int
    kills: int
    said: int
    # Of all occupants together, and of the archive.
    lost: int
    twice: int
    kicked: int
    errors: int
    # In how many different orders people have heard it; and whether the archive has that order.
    orders: int
    archived: int
    archive_agrees: bool
    # By kill: from it until the first occupant hears what was said afterwards.
    seconds: tuple[float, ...]

    @property
    def exact(self) -> bool:
        """Everybody has heard everything once and in one order, which is the archive's, and nobody noticed a thing."""
        return (self.lost, self.twice, self.kicked, self.errors, self.orders) == (0, 0, 0, 0, 1) and self.archive_agrees

    def __str__(self) -> str:
        return (
            f"occupants {self.occupants}, kills {self.kills}, said {self.said}, lost {self.lost}, twice {self.twice}, "
            f"kicked {self.kicked}, errors {self.errors}, orders {self.orders}, archived {self.archived}, "
            f"{'in the same order' if self.archive_agrees else 'in another order'}; heard again after "
            f"{statistics.median(self.seconds):.2f} s, {max(self.seconds):.2f} s at most"
        )


async def killed_holders(stack: Stack, *, occupants: int, kills: int, per_second: float, seed: int = 1) -> Held:
    """Fill a room, let people speak, and kill whoever holds it, `kills` times."""
    people = await _enter(stack, occupants)
    came = asyncio.Event()
    listening = [asyncio.create_task(person.listen(came)) for person in people]
    sent: dict[int, float] = {}
    rng = random.Random(seed)

    async def speak() -> None:
        while True:
            number = len(sent)
            sent[number] = time.monotonic()
            rng.choice(people).connection.send(
                f"<message to='{ROOM}' type='groupchat' id='m{number}'><body>{number}</body></message>"
            )
            await asyncio.sleep(1 / per_second)

    speaking = asyncio.create_task(speak())
    bus = await _bus(stack)
    try:
        await _until(lambda: len(people[0].heard) >= per_second, came)
        seconds = []
        for _ in range(kills):
            pid = await _holder(stack, bus)
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await _until(lambda since=killed: _after(people[0], sent, since), came)
            seconds.append(time.monotonic() - killed)
            await asyncio.to_thread(stack.wait_replaced, "muc", pid)
            # What dies sooner is started again later: it could be broken.
            await asyncio.sleep(rng.uniform(*PAUSE_SECONDS))
    finally:
        speaking.cancel()
        await bus.close()
    await _until(lambda: all(person.closed or len(set(person.heard)) >= len(sent) for person in people), came)
    archive = await _archive(stack)
    for task in listening:
        task.cancel()
    return _verdict(people, len(sent), archive, tuple(seconds))


def _verdict(people: list[Occupant], said: int, archive: list[int], seconds: tuple[float, ...]) -> Held:
    everything = [person.heard for person in people] + [archive]
    return Held(
        occupants=len(people),
        kills=len(seconds),
        said=said,
        lost=sum(said - len(set(heard)) for heard in everything),
        twice=sum(len(heard) - len(set(heard)) for heard in everything),
        kicked=sum(person.amiss[b"unavailable"] for person in people) + sum(person.closed for person in people),
        errors=sum(person.amiss[b"error"] for person in people),
        orders=len({tuple(person.heard) for person in people}),
        archived=len(archive),
        archive_agrees=archive == people[0].heard,
        seconds=seconds,
    )


async def _enter(stack: Stack, occupants: int) -> list[Occupant]:
    host, port = stack.endpoint("c2s")
    await register_many(host, port, None, [f"held{n}" for n in range(ACCOUNTS)], PASSWORD)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Occupant:
        async with gate:
            raw = await Raw.open(host, port)
            await raw.login(f"held{number % ACCOUNTS}", PASSWORD, resource=f"r{number}")
            raw.send(f"<presence to='{ROOM}/n{number}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
            await raw.until("code='110'.*?<subject", seconds=SECONDS_MAX)
            raw.text = ""
            return Occupant(raw)

    first = await one(0)
    owner = first.connection
    owner.send(
        f"<iq type='set' id='own' to='{ROOM}'><query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'>"
        "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>"
    )
    await owner.until("<iq[^>]*id='own'[^>]*/>")
    drain = asyncio.create_task(_drain(owner))
    others = await asyncio.gather(*(one(number) for number in range(1, occupants)))
    drain.cancel()
    return [first, *others]


async def _drain(raw: Raw) -> None:
    while await raw.reader.read(1 << 16):
        pass


async def _bus(stack: Stack) -> NatsBus:
    found = json.loads((stack.data / "nats" / "credentials.json").read_text())
    return await connect(found["url"], name="holding", user=found["user"], password=found["password"])


async def _holder(stack: Stack, bus: NatsBus) -> int:
    """The process that holds the room."""
    number = subjects.shard_of(ROOM, ROOM_SHARDS)
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            found = await Bucket(bus, subjects.LEASES).get(f"room.{number}")
            name = found.value.decode().partition(" ")[0] if found is not None else ""
            for process in stack.run_json()["processes"]:
                if process["instance"] == name:
                    return int(process["pid"])
            await asyncio.sleep(0.05)


def _after(person: Occupant, sent: dict[int, float], since: float) -> bool:
    """Whether the last words that were heard were said after a moment."""
    return bool(person.heard) and any(sent[number] > since for number in person.heard[-20:])


async def _until(condition: Callable[[], object], came: asyncio.Event) -> None:
    """Wait for what the occupants hear; what is missing in the end is counted."""
    end = time.monotonic() + SECONDS_MAX
    while not condition() and time.monotonic() < end:
        came.clear()
        try:
            async with asyncio.timeout(1.0):
                await came.wait()
        except TimeoutError:
            continue


async def _archive(stack: Stack) -> list[int]:
    """What the room's archive has, page by page from the beginning."""
    host, port = stack.endpoint("c2s")
    raw = await Raw.open(host, port)
    await raw.login("held0", PASSWORD, resource="archive", presence=False)
    order: list[int] = []
    after = ""
    while True:
        raw.send(
            f"<iq type='set' id='q{len(order)}' to='{ROOM}'><query xmlns='urn:xmpp:mam:2'>"
            f"<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{after}</set></query></iq>"
        )
        page = (await raw.until(r"\A.*</fin></iq>", seconds=SECONDS_MAX)).group(0)
        order += [int(number) for number in re.findall(r"<body>(\d+)</body>", page)]
        last = re.search(r"<last>([^<]*)</last>", page)
        if re.search(r"complete=.true", page) or last is None:
            await raw.close()
            return order
        after = f"<after>{last.group(1)}</after>"
