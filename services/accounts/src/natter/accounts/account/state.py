"""An account as it stands: the fold of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from natter.proto.v1.accounts_pb2 import AccountEvent, ScramKeys


@dataclass(frozen=True, slots=True)
class Cause:
    """The client's stanza that asked for a change: lane, sequence in it, index in that. "" for other requests."""

    source: str = ""
    sequence: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """Everything a decision may look at. The journal outlives a removal, so that an old request stays known."""

    exists: bool = False
    keys: tuple[ScramKeys, ...] = ()
    # Per lane, the newest stanza whose request is in the journal. As many as there are lanes.
    applied: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # When the account was last removed; 0: never.
    removed_us: int = 0

    def has_applied(self, cause: Cause) -> bool:
        """Whether this request was decided already."""
        return bool(cause.source) and (cause.sequence, cause.index) <= self.applied.get(cause.source, (0, 0))


INITIAL = Account()
NO_CAUSE = Cause()


def evolve(account: Account, event: AccountEvent) -> Account:
    """The account after one event. Total: an event in the journal is never refused."""
    applied = account.applied
    if event.source:
        newest = max(applied.get(event.source, (0, 0)), (event.sequence, event.index))
        applied = {**applied, event.source: newest}
    match event.WhichOneof("event"):
        case "registered":
            return Account(True, tuple(event.registered.keys), applied, account.removed_us)
        case "password_changed":
            return Account(True, tuple(event.password_changed.keys), applied, account.removed_us)
        case "removed":
            return Account(False, (), applied, event.removed.time_us)
        case _:
            # Written by a later version: what it says about causes still holds.
            return replace(account, applied=applied)


def fold(account: Account, events: Iterable[AccountEvent]) -> Account:
    """The account after many events."""
    return reduce(evolve, events, account)
