"""Where is my message? What was accepted is what was delivered, bounced and dropped, added up over a mixed run."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from managed import Managed
from natter.storage import clickhouse
from person import PASSWORD
from raw import Raw, register_many
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

NAMES = [f"sum{i}" for i in range(6)] + ["mona", "nina"]
ROUNDS = 30


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    flags = ("--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext")
    running = Stack(tmp_path / "own", *flags).start()
    try:
        yield running
    finally:
        running.stop()


def message(to: str, type: str, body: str) -> str:
    return f"<message to='{to}' type='{type}' id='{body}'><body>{body}.</body></message>"


async def says(person: Raw, pattern: str, count: int) -> set[str]:
    """What the person hears, until there were so many different ones."""
    found: set[str] = set()
    while len(found) < count:
        found.add((await person.until(pattern, seconds=40)).group(1))
    return found


async def killed(own: Stack, people: list[Raw]) -> None:
    """While services are killed, only what arrives: what they had to tell in their last second is told by nobody."""
    hearing = [asyncio.ensure_future(says(p, r"<body>(early\d+)\.</body>", ROUNDS)) for p in people[1:]]
    for number in range(ROUNDS):
        for i, person in enumerate(people[:-1]):
            person.send(message(people[i + 1].jid, "chat", f"early{number}"))
        if number % 10 == 5:
            own.kill(("router", "presence", "muc")[number // 10])
        await asyncio.sleep(0.02)
    await asyncio.gather(*hearing)


async def mixed(people: list[Raw]) -> None:
    """To sessions, to accounts, to nobody, to one who goes."""
    for number in range(ROUNDS):
        for i, person in enumerate(people):
            other = people[(i + 1) % len(people)].jid
            person.send(message(other, "chat", f"full{number}"))
            person.send(message(other.partition("/")[0], "chat", f"bare{number}"))
            person.send(message("nobody@localhost", "headline", f"silent{number}"))
            person.send(message("not here@localhost", "chat", f"wrong{number}"))
            person.send(message("nobody@localhost", "chat", f"none{number}"))
    hearing = [says(p, r"<body>((?:full|bare)\d+)\.</body>", 2 * ROUNDS) for p in people[1:]]
    # One of them leaves while it is being spoken to, when the last of its own words has come back to it.
    leaving = people[0]
    await leaving.until(f"<message[^>]*id='none{ROUNDS - 1}'")
    leaving.writer.transport.abort()
    await asyncio.gather(*hearing)


async def ledger(own: Stack) -> None:
    """With gateways killed, facts of a second are gone; clients know all the same."""
    mona, nina = (Managed(*own.endpoint("c2s"), name, PASSWORD) for name in ("mona", "nina"))
    await asyncio.gather(mona.start(presence=True), nina.start(presence=True))
    for number in range(ROUNDS):
        mona.send(message(nina.jid, "normal", f"m{number}"))
        mona.send(message("nobody@localhost", "normal", f"e{number}"))
        if number == 10:
            own.kill("gateway")
        await asyncio.sleep(0.02)
    await mona.acknowledge_all(seconds=60)

    def heard(person: Managed, pattern: str) -> list[int]:
        ids = (re.fullmatch(pattern, e.get("id", "")) for e in person.heard)
        return [int(m.group(1)) for m in ids if m]

    async with asyncio.timeout(40):
        while len(heard(nina, r"m(\d+)")) < ROUNDS or len(set(heard(mona, r"e(\d+)"))) < ROUNDS:
            await asyncio.sleep(0.05)
    assert heard(nina, r"m(\d+)") == list(range(ROUNDS))
    assert set(heard(mona, r"e(\d+)")) == set(range(ROUNDS))
    assert not heard(mona, r"m(\d+)") and not mona.failures and not nina.failures
    await asyncio.gather(mona.stop(), nina.stop())


def sums(rows: list[dict[str, Any]], types: set[str]) -> Counter[str]:
    """Messages of these types by outcome; in and out are told apart by it."""
    return Counter(row["outcome"] for row in rows if row["kind"] == "message" and row["type"] in types)


async def test_what_was_accepted_adds_up(own: Stack) -> None:
    await register_many(*own.endpoint("c2s"), None, NAMES, PASSWORD)
    await ledger(own)
    people = []
    for name in NAMES[:6]:
        raw = await Raw.open(*own.endpoint("c2s"))
        people.append(await raw.login(name, PASSWORD, resource="r"))
    await killed(own, people)
    await mixed(people)
    await asyncio.gather(*(person.close() for person in people[1:]))
    assert own.stop() == 0
    found = sums(clickhouse.dump(own.data), {"chat", "headline"})
    bounced, dropped = found["bounced"], sum(n for outcome, n in found.items() if outcome.startswith("dropped:"))
    # An address that is none is refused at the door: it was never accepted.
    assert found["accepted"] == 6 * ROUNDS * 4 + 5 * ROUNDS
    ended = found["delivered"] - found["returned"] + found["stored"] + bounced + dropped
    assert found["accepted"] == ended, found
    assert bounced + found["stored"] >= 6 * ROUNDS and dropped >= 6 * ROUNDS
