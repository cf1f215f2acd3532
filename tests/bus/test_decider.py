"""The decider's retry loop, with a counter as the entity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from natter.bus.api import Bus, WrongRevision
from natter.bus.decider import ATTEMPTS_MAX, Outcome, transact
from natter.bus.journal import Journal


async def add(journal: Journal, decide: Callable[[int], Sequence[int]]) -> Outcome[int, int]:
    return await transact(
        journal,
        "counter",
        "c",
        initial=0,
        evolve=lambda state, event: state + event,
        decode=lambda payload: list(payload),
        encode=bytes,
        decide=decide,
    )


async def test_decides_on_the_newest_state(bus: Bus) -> None:
    journal = Journal(bus)
    first = await add(journal, lambda state: [1, 2])
    assert (first.state, first.events) == (3, [1, 2])
    second = await add(journal, lambda state: [state])
    assert second.state == 6
    assert second.revision > first.revision


async def test_nothing_to_do_writes_nothing(bus: Bus) -> None:
    journal = Journal(bus)
    first = await add(journal, lambda state: [1])
    outcome = await add(journal, lambda state: [] if state else [1])
    assert (outcome.state, outcome.events, outcome.revision) == (1, (), first.revision)


async def test_refusal_goes_to_the_caller(bus: Bus) -> None:
    journal = Journal(bus)
    with pytest.raises(ZeroDivisionError):
        await add(journal, lambda state: [1 // state])
    assert await journal.load("counter", "c") == []


async def test_races_are_decided_again(bus: Bus) -> None:
    outcomes = await asyncio.gather(*(add(Journal(bus), lambda state: [1]) for _ in range(6)))
    assert sorted(outcome.state for outcome in outcomes) == [1, 2, 3, 4, 5, 6]


async def test_lost_races_are_bounded(bus: Bus) -> None:
    journal = Journal(bus)
    asked = []

    def decide(state: int) -> Sequence[int]:
        asked.append(state)
        # Somebody else is always faster.
        bus.publish("natter.journal.counter." + token, bytes([1]))
        return [1]

    await add(journal, lambda state: [1])
    token = (await journal.last_of_kind("counter"))[0].subject.rpartition(".")[2]
    with pytest.raises(WrongRevision):
        await add(journal, decide)
    assert len(asked) == ATTEMPTS_MAX
