"""One trial: the workload runs, a fault comes and goes, the books are closed. And the table of many."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acceptance import Acceptance, Echo, Managed
from faults import HALF_OPEN, Fault, NotReading
from ledger import Verdict
from raw import Raw
from system import System
from workload import Workload

LEAD_SECONDS = 0.7
TRAIL_SECONDS = 1.5
RECOVERY_SECONDS_MAX = 45.0
OFFLINE = ("--set", "archive.offline=true")
# P4.
SETTLE_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Outcome:
    """What one fault did under one seed."""

    fault: str
    seed: int
    pairs: Verdict = field(default_factory=Verdict)
    room: Verdict = field(default_factory=Verdict)
    # Receivers that do not see the sender's last presence.
    presence_stale: int = 0
    # Sessions that began anew; with stream management they should have been resumed.
    anew: int = 0
    recovery_seconds: list[float] = field(default_factory=list)
    # The longest that a message took, per pair.
    worst_seconds: list[float] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether the promises were."""
        return self.pairs.kept and self.room.kept and not self.presence_stale and not self.unsettled and not self.error


async def trial(system: System, work: Workload, fault: Fault, seed: int, index: int) -> Outcome:
    """Inject `fault` into the running system and see."""
    rng = random.Random(f"{seed} {index} {fault.name}")
    outcome = Outcome(fault.name, seed)
    loop = asyncio.get_running_loop()
    began = loop.time()
    if isinstance(fault, NotReading):
        fault.talkers = [pair.receiver for pair in work.pairs]
    talking: asyncio.Task[None] | None = None
    logins = 0
    try:
        await system.all_up()
        await work.begin()
        logins = sum(talker.logins for talker in work.talkers())
        talking = asyncio.create_task(work.talk())
        await asyncio.sleep(LEAD_SECONDS + rng.uniform(0.0, 0.3))
        try:
            await fault.inject(system, rng)
            if fault.name == HALF_OPEN and work.acceptance is Echo:
                for pair in work.pairs:
                    pair.ledger.half_open = loop.time()
            await asyncio.sleep(fault.seconds)
        finally:
            await fault.heal(system, rng)
        if system.bus is not work._bus:
            # At once: a snapshot takes what it covers out of the journal.
            await work.follow()
        healed = loop.time()
        await asyncio.sleep(TRAIL_SECONDS)
        while not work.recovered(healed) and loop.time() < healed + RECOVERY_SECONDS_MAX:
            await asyncio.sleep(0.05)
        work.sending = False
        await talking
        await work.settle(SETTLE_SECONDS_MAX)
        outcome.unsettled = work.under_way()
        found = [pair.ledger.recovery_seconds(healed) for pair in work.pairs]
        outcome.recovery_seconds = [RECOVERY_SECONDS_MAX if s is None else round(s, 3) for s in found]
    except Exception as error:
        outcome.error = f"{type(error).__name__}: {error}"[:300]
        outcome.unsettled = work.under_way()
    finally:
        work.sending = False
        if talking is not None:
            await asyncio.gather(talking, return_exceptions=True)
    outcome.pairs = sum((pair.ledger.verdict() for pair in work.pairs), Verdict())
    outcome.worst_seconds = [round(pair.ledger.worst_seconds(), 3) for pair in work.pairs]
    outcome.room = work.roster.verdict()
    outcome.presence_stale = len(work.stale())
    outcome.anew = sum(talker.logins for talker in work.talkers()) - logins
    outcome.seconds = round(loop.time() - began, 1)
    return outcome


async def acceptance_of(system: System) -> type[Acceptance]:
    """XEP-0198 where the server offers it to whoever is logged in, else an echo."""
    await system.all_up()
    connection = await Raw.open(*system.stack.endpoint("c2s"))
    await connection.register("asker", "pw")
    await connection.close()
    connection = await Raw.open(*system.stack.endpoint("c2s"))
    await connection.features()
    connection.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFza2VyAHB3</auth>")
    await connection.until(r"<success[^>]*/>|<success[^>]*></success>")
    offered = Managed.offered(await connection.features())
    await connection.close()
    return Managed if offered else Echo


async def campaign(
    folder: Path,
    seed: int,
    faults: list[Fault],
    *,
    say: Any = print,
    note: Any = None,
    pairs: int = 4,
    flags: Sequence[str] = (),
    managed: bool = True,
    forgets: float = 0.0,
) -> list[Outcome]:
    """All `faults` in an order that the seed gives, on one system of its own.

    `managed`: with XEP-0198, if offered; `forgets`: how often a client that could resume logs in anew.
    """
    order = list(faults)
    random.Random(seed).shuffle(order)
    say(f"seed {seed}: {'; '.join(fault.name for fault in order)}")
    # Two gateways may be gone at once: without stream management nobody is left then to be told of an error; what was
    # sent to who is not there has to wait for him.
    system = System(folder, *(() if managed else OFFLINE), *flags)
    outcomes: list[Outcome] = []
    try:
        await system.start()
        acceptance = await acceptance_of(system) if managed else Echo
        work = Workload(system, pairs_count=pairs, acceptance=acceptance, forgets=forgets)
        await work.start()
        for index, fault in enumerate(order):
            outcome = await trial(system, work, fault, seed, index)
            outcomes.append(outcome)
            say(line(outcome))
            if note is not None:
                note(outcome)
        await work.stop()
    finally:
        await system.stop()
    return outcomes


def line(outcome: Outcome) -> str:
    """One outcome as it is printed while it goes on."""
    slowest, worst = max(outcome.recovery_seconds, default=0.0), max(outcome.worst_seconds, default=0.0)
    text = (
        f"{time.strftime('%H:%M:%S')} seed {outcome.seed} {'kept  ' if outcome.kept else 'BROKEN'} {outcome.fault} "
        f"({outcome.seconds} s): {brief(outcome.pairs)}; room {brief(outcome.room)}; "
        f"stale {outcome.presence_stale}; anew {outcome.anew}; recovery {slowest:.2f} s, worst {worst:.2f} s"
    )
    return text if outcome.kept else f"{text} {outcome.unsettled} {outcome.error}"


def brief(verdict: Verdict) -> str:
    """The numbers that are not 0."""
    return " ".join(f"{name} {value}" for name, value in asdict(verdict).items() if value) or "nothing"


HEAD = ("fault", "seeds", "sent", "ok", "lost", "dup", "again", "reord", "unkn", "bounced", "late", "unread")
ROOM_HEAD = (
    "room sent",
    "lost",
    "dup",
    "again",
    "reord",
    "unkn",
    "bounced",
    "stale",
    "anew",
    "p50 s",
    "max s",
    "worst s",
    "kept",
)


def table(outcomes: Iterable[Outcome]) -> str:
    """Fault × fates, all seeds summed up."""
    by_fault: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_fault.setdefault(outcome.fault, []).append(outcome)
    rows: list[tuple[str, ...]] = [(*HEAD, *ROOM_HEAD)]
    for fault, those in by_fault.items():
        p = sum((o.pairs for o in those), Verdict())
        r = sum((o.room for o in those), Verdict())
        seconds = [s for o in those for s in o.recovery_seconds] or [0.0]
        numbers = [len(those), p.sent, p.ok, p.lost, p.duplicate, p.again, p.reordered, p.unknown, p.bounced, p.late]
        numbers.append(p.unread)
        numbers += [
            r.sent,
            r.lost,
            r.duplicate,
            r.again,
            r.reordered,
            r.unknown,
            r.bounced,
            sum(o.presence_stale for o in those),
            sum(o.anew for o in those),
        ]
        times = (
            f"{statistics.median(seconds):.2f}",
            f"{max(seconds):.2f}",
            f"{max((s for o in those for s in o.worst_seconds), default=0.0):.2f}",
        )
        rows.append((fault, *map(str, numbers), *times, f"{sum(o.kept for o in those)}/{len(those)}"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
