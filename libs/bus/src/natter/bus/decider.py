"""The only retry loop of event sourcing: load, fold, decide, append; again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from .api import WrongRevision
from .journal import Journal

ATTEMPTS_MAX = 10

State = TypeVar("State")
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[State, Event]):
    """The state after the decision, the events that it added (none: nothing to do), and the revision."""

    state: State
    events: Sequence[Event]
    revision: int


async def transact(
    journal: Journal,
    kind: str,
    entity: str,
    *,
    initial: State,
    evolve: Callable[[State, Event], State],
    decode: Callable[[bytes], Iterable[Event]],
    encode: Callable[[Sequence[Event]], bytes],
    decide: Callable[[State], Sequence[Event]],
) -> Outcome[State, Event]:
    """Decide once on the newest state. One journal entry holds all events of one decision.

    What `decide` raises goes to the caller, nothing written. `WrongRevision` after ten lost races.
    """
    state, revision = initial, 0
    for attempt in range(ATTEMPTS_MAX):
        for entry in await journal.load(kind, entity, after=revision):
            state = reduce(evolve, decode(entry.payload), state)
            revision = entry.sequence
        events = decide(state)
        if not events:
            return Outcome(state, (), revision)
        try:
            appended = await journal.append(kind, entity, encode(events), expected=revision)
        except WrongRevision:
            if attempt == ATTEMPTS_MAX - 1:
                raise
            continue
        return Outcome(reduce(evolve, events, state), events, appended)
    raise AssertionError("unreachable")
