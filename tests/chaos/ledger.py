"""What was sent, accepted, received and refused, and the verdict. In the manner of Jepsen's queue test."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import pairwise

# Sent so long before a connection died, a message may still have been on its way into it.
UNDER_WAY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many messages met which fate."""

    sent: int = 0
    # Received at least once.
    ok: int = 0
    # Accepted, never received, and nobody was told.
    lost: int = 0
    # Further copies of what was received; and those of them that came in one and the same session, of what was sent
    # while it lasted. (What an earlier session was owed comes at least once without resumption: P3.)
    duplicate: int = 0
    again: int = 0
    # First copies that came behind a later one, in one and the same session.
    reordered: int = 0
    # Not received; the sender does not know whether they were accepted.
    unknown: int = 0
    # Not received; the sender was told so by an error.
    bounced: int = 0
    # Sent while the receiver had an earlier session, which is gone: without resumption it comes (P3), in no order.
    late: int = 0
    # Accepted, and written into a connection of which only the client knew that it was dead: without stream management
    # nobody can know. Counted for faults that leave such connections only.
    unread: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Verdict)))

    @property
    def kept(self) -> bool:
        """Nothing accepted was lost, nothing overtook, nothing came twice in one session."""
        return not self.lost and not self.reordered and not self.again


@dataclass(slots=True)
class Ledger:
    """One sender, one receiver, numbers from 0."""

    name: str
    sent: dict[int, float] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    bounced: set[int] = field(default_factory=set)
    # Number and time, in the order in which they came.
    received: list[tuple[int, float]] = field(default_factory=list)
    # When the receiver has logged in since, and the sender: each of its sessions is in order (RFC 6120 §10.1).
    logins: list[float] = field(default_factory=list)
    sender_logins: list[float] = field(default_factory=list)
    # When the receiver's connection was left half open, if it was and the server has no means to find out.
    half_open: float | None = None

    def waiting(self) -> set[int]:
        """Accepted, and nothing more is known of it yet."""
        return self.accepted - self.bounced - {n for n, _ in self.received} - self.unread()

    def unread(self) -> set[int]:
        """What was under way to a half-open connection, before the receiver logged in again."""
        if self.half_open is None:
            return set()
        begin = self.half_open - UNDER_WAY_SECONDS
        end = next((time for time in self.logins if time > self.half_open), float("inf"))
        return {n for n, time in self.sent.items() if begin <= time < end} - {n for n, _ in self.received}

    def verdict(self) -> Verdict:
        """The fate of everything sent."""
        counts = Counter(n for n, _ in self.received)
        first: dict[int, float] = {}
        for number, time in self.received:
            first.setdefault(number, time)
        in_order = [number for number, time in first.items() if not self._is_late(number, time)]
        of_session: dict[int, list[int]] = {}
        for number in in_order:
            of_session.setdefault(bisect_right(self.sender_logins, self.sent[number]), []).append(number)
        missing = set(self.sent) - set(counts)
        unread = self.unread() & self.accepted - self.bounced
        sessions = Counter(
            (n, bisect_right(self.logins, time)) for n, time in self.received if not self._is_late(n, time)
        )
        return Verdict(
            sent=len(self.sent),
            ok=len(counts),
            lost=len(missing & self.accepted - self.bounced - unread),
            duplicate=sum(counts.values()) - len(counts),
            again=sum(sessions.values()) - len(sessions),
            unread=len(unread),
            reordered=sum(inversions(numbers) for numbers in of_session.values()),
            unknown=len(missing - self.accepted - self.bounced),
            bounced=len(missing & self.bounced),
            late=len(first) - len(in_order),
        )

    def _is_late(self, number: int, time: float) -> bool:
        session = bisect_right(self.logins, time)
        return session > 0 and self.sent[number] < self.logins[session - 1]

    def worst_seconds(self) -> float:
        """The longest that a message took."""
        return max((time - self.sent[n] for n, time in self.received), default=0.0)

    def recovery_seconds(self, healed: float) -> float | None:
        """From healing until a message that was sent afterwards came; None: none did."""
        after = {n for n, time in self.sent.items() if time >= healed}
        return next((time - healed for n, time in self.received if n in after), None)


@dataclass(slots=True)
class Roster:
    """One room: what its journal says, and what every occupant heard. P5: one order for all."""

    # Every (member, number) of the journal, in order.
    journal: list[tuple[int, int]] = field(default_factory=list)
    heard: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    # What each member sent that was accepted, and what came back as an error.
    accepted: set[tuple[int, int]] = field(default_factory=set)
    bounced: set[tuple[int, int]] = field(default_factory=set)
    # Members whose connection was never away: they must have heard everything.
    stayed: set[int] = field(default_factory=set)
    sent: int = 0

    def missing(self) -> set[tuple[int, int, int]]:
        """(occupant, member, number) of what somebody who stayed has not heard, and of what was never said (-1)."""
        said = set(self.journal)
        found = {(-1, *what) for what in self.accepted - said - self.bounced}
        for occupant in self.stayed:
            found |= {(occupant, *what) for what in said - set(self.heard.get(occupant, ()))}
        return found

    def verdict(self) -> Verdict:
        """`reordered`: heard in another order than the journal's, or not in it at all, or a sender overtaken."""
        place = {what: i for i, what in enumerate(dict.fromkeys(self.journal))}
        said = Counter(self.journal)
        reordered = sum(inversions(n for m, n in place if m == member) for member in {m for m, _ in place})
        duplicate = again = sum(said.values()) - len(said)
        for occupant, heard in self.heard.items():
            first = dict.fromkeys(heard)
            reordered += inversions(place[what] for what in first if what in place)
            reordered += sum(what not in place for what in first)
            duplicate += len(heard) - len(first)
            again += len(heard) - len(first) if occupant in self.stayed else 0
        return Verdict(
            sent=self.sent,
            ok=len(said),
            lost=len(self.missing()),
            duplicate=duplicate,
            again=again,
            reordered=reordered,
            unknown=max(0, self.sent - len(set(said) | self.accepted | self.bounced)),
            bounced=len(self.bounced - set(said)),
        )


def inversions(numbers: Iterable[int]) -> int:
    """How often a smaller number follows a greater one."""
    return sum(1 for a, b in pairwise(numbers) if b < a)
