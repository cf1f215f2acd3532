"""The archive and its PostgreSQL killed under traffic: chat goes on, questions are answered, nothing is missing after.

.venv/bin/python tests/chaos --database 120     # the database is away for so many seconds
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from natter.storage.archive import Archive
from natter.storage.database import Database, DatabaseError, url_of
from numbered import Pair, Verdict, exchange, pairs
from person import PASSWORD
from postgres import Postgres
from raw import Raw, register_many, tls
from stack import Stack

PAIRS = 3
RUN = "outage"
# Of each pair, per second.
PACE = 25
# Before and after the outage.
AROUND_SECONDS = 6
STEP_SECONDS_MAX = 60.0
CATCH_UP_SECONDS_MAX = 120.0
ASK = (
    "<iq type='set' id='{}'><query xmlns='urn:xmpp:mam:2'>"
    "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query></iq>"
)
FLAGS = ("--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`answers`: seconds until questions during the outage were answered. `wrong`: archived messages that are not there
    exactly once."""

    chat: Verdict
    answers: tuple[float, ...]
    caught_up_seconds: float
    wrong: int

    @property
    def kept(self) -> bool:
        """Whether nobody noticed anything but that history was away."""
        return self.chat.exact and not self.wrong


async def outage(folder: Path, *, seconds: float, say: Callable[[str], None]) -> Outcome:
    """One round: the archive killed; then its database, and the archive again while that is away."""
    postgres = Postgres()
    postgres.make()
    postgres.start()
    url = postgres.database()
    stack = Stack(folder, *FLAGS, "--set", f"archive.url={url}").start()
    try:
        return await _round(stack, postgres, url, seconds, say)
    finally:
        stack.stop()
        postgres.remove()


async def _round(stack: Stack, postgres: Postgres, url: str, seconds: float, say: Callable[[str], None]) -> Outcome:
    where = (*stack.endpoint("c2s_tls"), tls(stack.ca))
    names = [f"outage{i}" for i in range(2 * PAIRS)]
    await register_many(*where, [*names, "asker"], PASSWORD)
    asker = await (await Raw.open(where[0], where[1], secure=where[2])).login("asker", PASSWORD)
    those = await pairs(*where, names, PASSWORD)
    count = int((seconds + AROUND_SECONDS) * PACE)
    chatting = asyncio.create_task(exchange(those, run=RUN, count=count, pause=1 / PACE))
    await _heard(those, PACE, chatting)
    pid = stack.kill("archive")
    await asyncio.to_thread(stack.wait_replaced, "archive", pid)
    await _answered(asker, "before", "result")
    await asyncio.to_thread(postgres.stop)
    began = time.monotonic()
    say("the database is away")
    answers = [await _answered(asker, "away", "error")]
    # Whoever starts now finds no database at all.
    pid = stack.kill("archive")
    await asyncio.to_thread(stack.wait_replaced, "archive", pid)
    answers.append(await _answered(asker, "started", "error"))
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
    heard = sum(len(pair.received) for pair in those)
    await asyncio.to_thread(postgres.start)
    say(f"the database is back after {time.monotonic() - began:.1f} s; {heard} messages were heard by then")
    chat = await chatting
    ended = time.monotonic()
    wrong = await _wrong(url, count)
    await asker.close()
    for pair in those:
        await pair.sender.close()
        await pair.receiver.close()
    return Outcome(chat, tuple(answers), time.monotonic() - ended, wrong)


async def _heard(those: list[Pair], count: int, chatting: asyncio.Task[Verdict]) -> None:
    """Until every pair has heard so many."""
    async with asyncio.timeout(STEP_SECONDS_MAX):
        while not chatting.done() and any(len(pair.received) < count for pair in those):
            await asyncio.sleep(0.02)


async def _answered(asker: Raw, id: str, type: str) -> float:
    """Seconds until a question was answered so."""
    began = time.monotonic()
    asker.send(ASK.format(id))
    answer = await asker.until(rf"<iq[^>]*id=['\"]{id}['\"][^>]*>", seconds=STEP_SECONDS_MAX)
    assert re.search(rf"type=['\"]{type}['\"]", answer[0]), answer[0]
    return time.monotonic() - began


async def _wrong(url: str, count: int) -> int:
    """How many messages are not in both archives exactly once, when no more come."""
    database = Database(url_of(url, Path()))
    archive = Archive(database)
    body = re.compile(rf"<body>({RUN}-\d+-\d+)-".encode())
    found: Counter[tuple[str, bytes]] = Counter()
    end = time.monotonic() + CATCH_UP_SECONDS_MAX
    try:
        while time.monotonic() < end:
            try:
                rows = await archive.between(0, 1 << 62)
            except DatabaseError:
                continue
            found = Counter((row.owner, text[1]) for row in rows if (text := body.search(row.stanza)))
            if len(found) >= 2 * PAIRS * count:
                break
            await asyncio.sleep(0.2)
    finally:
        await database.close()
    expected = {
        (f"outage{2 * pair + side}@localhost", f"{RUN}-{pair}-{n}".encode())
        for pair in range(PAIRS)
        for side in (0, 1)
        for n in range(count)
    }
    return len(expected ^ found.keys()) + sum(n - 1 for n in found.values())
