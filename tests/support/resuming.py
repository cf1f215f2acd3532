"""Sessions under stream management while a gateway is killed: how many come back, and what of theirs arrives."""

from __future__ import annotations

import asyncio
import re
import statistics
from dataclasses import dataclass
from itertools import pairwise

from managed import Managed
from person import PASSWORD
from raw import register_many
from stack import Stack

LOGINS_AT_ONCE = 8
# How long everything may take to be acknowledged and to arrive.
SETTLED_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """What became of them."""

    sessions: int
    resumed: int
    sent: int
    lost: int
    duplicated: int
    reordered: int
    failures: tuple[str, ...]
    # From the loss of the connection.
    median_seconds: float
    slowest_seconds: float

    @property
    def exact(self) -> bool:
        """Everybody is back, with everything, once, in order."""
        return self.resumed > 0 and (self.lost, self.duplicated, self.reordered, self.failures) == (0, 0, 0, ())

    def __str__(self) -> str:
        return (
            f"sessions {self.sessions}, resumed {self.resumed}, sent {self.sent}, lost {self.lost}, "
            f"duplicated {self.duplicated}, reordered {self.reordered}, failures {list(self.failures[:5])}, "
            f"back after {self.median_seconds:.2f} s, {self.slowest_seconds:.2f} s at most"
        )


def numbers(person: Managed) -> list[int]:
    """Of the messages that a person has heard, in order."""
    found = []
    for stanza in person.heard:
        match = re.fullmatch(r"x(\d+)", stanza.findtext("{jabber:client}body", ""))
        if match:
            found.append(int(match.group(1)))
    return found


async def killed_under_load(stack: Stack, *, pairs: int, rounds: int, pause_seconds: float) -> Resumed:
    """Pairs write to each other, `rounds` messages each; a second after they began one gateway is killed."""
    host, port = stack.endpoint("c2s")
    names = [f"sm{n}" for n in range(2 * pairs)]
    await register_many(host, port, None, names, PASSWORD)
    everybody = [Managed(host, port, name, PASSWORD) for name in names]
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def start(person: Managed) -> None:
        async with gate:
            await person.start()

    await asyncio.gather(*(start(person) for person in everybody))

    async def talk(number: int, one: Managed, other: Managed) -> None:
        # Not all in the same moment.
        await asyncio.sleep(pause_seconds * number / pairs)
        for n in range(rounds):
            for sender, to in ((one, other), (other, one)):
                sender.send(f"<message to='{to.jid}' type='chat'><body>x{n}</body></message>")
            await asyncio.sleep(pause_seconds)

    async def disaster() -> None:
        await asyncio.sleep(1.0)
        pid = await asyncio.to_thread(stack.kill, "gateway")
        await asyncio.to_thread(stack.wait_replaced, "gateway", pid)

    talks = (talk(n, everybody[2 * n], everybody[2 * n + 1]) for n in range(pairs))
    await asyncio.gather(disaster(), *talks)
    await asyncio.gather(*(person.acknowledge_all(seconds=SETTLED_SECONDS_MAX) for person in everybody))
    end = asyncio.get_running_loop().time() + SETTLED_SECONDS_MAX
    for person in everybody:
        while len(set(numbers(person))) < rounds and not person.failures and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
    result = books(everybody, rounds)
    for person in everybody:
        await person.stop()
    return result


def books(everybody: list[Managed], rounds: int) -> Resumed:
    """What they have heard, added up."""
    lost = duplicated = reordered = 0
    for person in everybody:
        heard = numbers(person)
        first = list(dict.fromkeys(heard))
        lost += rounds - len(first)
        duplicated += len(heard) - len(first)
        reordered += sum(b < a for a, b in pairwise(first))
    seconds = [s for person in everybody for s in person.seconds] or [0.0]
    return Resumed(
        sessions=len(everybody),
        resumed=sum(len(person.seconds) for person in everybody),
        sent=len(everybody) * rounds,
        lost=lost,
        duplicated=duplicated,
        reordered=reordered,
        failures=tuple(failure for person in everybody for failure in person.failures),
        median_seconds=statistics.median(seconds),
        slowest_seconds=max(seconds),
    )
