"""Numbered messages between pairs, and what became of them.

Every body is `<run>-<pair>-<number>-<canary>`; the receiver writes down what it gets. In the manner
of Jepsen's queue checker.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from raw import Raw

WINDOW = 25
STALL_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many messages met which fate."""

    sent: int
    lost: int
    duplicated: int
    reordered: int

    @property
    def exact(self) -> bool:
        """Everything came, once, in order."""
        return (self.lost, self.duplicated, self.reordered) == (0, 0, 0)


@dataclass(slots=True)
class Pair:
    """One sender, one receiver."""

    number: int
    sender: Raw
    receiver: Raw
    received: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def send(self, run: str, count: int, canary: str, window: asyncio.Semaphore, pause: float) -> None:
        for n in range(count):
            async with asyncio.timeout(STALL_SECONDS_MAX):
                await window.acquire()
            body = f"{run}-{self.number}-{n}-{canary}"
            self.sender.send(f"<message to='{self.receiver.jid}' type='chat' id='{n}'><body>{body}</body></message>")
            if pause:
                await asyncio.sleep(pause)
            elif n % WINDOW == 0:
                await self.sender.writer.drain()

    async def receive(self, run: str, count: int, window: asyncio.Semaphore) -> None:
        """Until `count` different numbers have come, or nothing has for a long time."""
        body = re.compile(rf"<body>{run}-{self.number}-(\d+)-[^<]*</body>".encode())
        rest = b""
        different: set[int] = set()
        while len(different) < count:
            try:
                async with asyncio.timeout(STALL_SECONDS_MAX):
                    data = await self.receiver.reader.read(65536)
            except TimeoutError:
                return
            if not data:
                self.errors.append("the receiver's connection was closed")
                return
            rest += data
            end = 0
            for match in body.finditer(rest):
                end = match.end()
                number = int(match.group(1))
                self.received.append(number)
                if number not in different:
                    different.add(number)
                    window.release()
            rest = rest[end:] if end else rest[-65536:]

    def verdict(self, count: int) -> Verdict:
        seen = Counter(self.received)
        first = list(dict.fromkeys(self.received))
        return Verdict(
            sent=count,
            lost=count - len(seen),
            duplicated=sum(n - 1 for n in seen.values()),
            reordered=sum(1 for a, b in pairwise(first) if b < a),
        )


async def pairs(host: str, port: int, secure: ssl.SSLContext | None, names: list[str], password: str) -> list[Pair]:
    """Log everybody in and put them in pairs."""
    gate = asyncio.Semaphore(8)

    async def one(name: str) -> Raw:
        async with gate:
            connection = await Raw.open(host, port, secure=secure)
            return await connection.login(name, password, resource="n")

    people = await asyncio.gather(*(one(name) for name in names))
    return [Pair(i, people[2 * i], people[2 * i + 1]) for i in range(len(people) // 2)]


async def exchange(those: list[Pair], *, run: str, count: int, canary: str = "x", pause: float = 0.0) -> Verdict:
    """Let every pair send `count` messages, at most WINDOW of them on the way, and judge."""
    async with asyncio.TaskGroup() as group:
        for pair in those:
            pair.received.clear()
            window = asyncio.Semaphore(WINDOW)
            group.create_task(pair.receive(run, count, window))
            group.create_task(pair.send(run, count, canary, window, pause))
    verdicts = [pair.verdict(count) for pair in those]
    assert not [e for pair in those for e in pair.errors]
    return Verdict(
        sum(v.sent for v in verdicts),
        sum(v.lost for v in verdicts),
        sum(v.duplicated for v in verdicts),
        sum(v.reordered for v in verdicts),
    )
