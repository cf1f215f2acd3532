"""The subscription state machine of RFC 6121 Appendix A, as a table.

A roster item is in one of nine states, seen from the user who owns the roster:

    N    None                    neither sees the other's presence
    NO   None + Pending Out      the user has asked the contact and waits
    NI   None + Pending In       the contact has asked the user and waits
    NOI  None + Pending Out+In   both have asked
    T    To                      the user sees the contact
    TI   To + Pending In         ... and the contact has asked
    F    From                    the contact sees the user
    FO   From + Pending Out      ... and the user has asked
    B    Both

Four kinds of stanza move it, in two directions. Outbound: the user sent it, and the question of the RFC's tables is
whether to ROUTE it to the contact. Inbound: the contact sent it, and the question is whether to DELIVER it to the
user's sessions. A cell answers with a sign, and names the state that follows:

    !   route it, or deliver it
    -   neither
    +   do not route; it sets (`subscribed`) or takes back (`unsubscribed`) a pre-approval, RFC 6121 §3.4
    =   do not deliver: the contact sees the user already, the server answers `subscribed` by itself, §3.1.3

Two cells are worth reading aloud. NO × inbound `subscribed` → T: somebody I asked agreed. N × inbound `subscribed` → N,
held: nobody can put himself where I never asked. A contact that is in no roster at all is in state N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """The nine states of RFC 6121 §A.1."""

    NONE = "N"
    NONE_OUT = "NO"
    NONE_IN = "NI"
    NONE_OUT_IN = "NOI"
    TO = "T"
    TO_IN = "TI"
    FROM = "F"
    FROM_OUT = "FO"
    BOTH = "B"

    @property
    def to(self) -> bool:
        """The user is subscribed to the contact."""
        return self in _TO

    @property
    def from_(self) -> bool:
        """The contact is subscribed to the user."""
        return self in _FROM

    @property
    def pending_out(self) -> bool:
        """The user's request is unanswered: ask='subscribe'."""
        return self in _OUT

    @property
    def pending_in(self) -> bool:
        """The contact's request is unanswered."""
        return self in _IN

    @property
    def subscription(self) -> str:
        """The `subscription` attribute of the roster item, RFC 6121 §2.1.2.5."""
        if self.to:
            return "both" if self.from_ else "to"
        return "from" if self.from_ else "none"


_TO = frozenset({State.TO, State.TO_IN, State.BOTH})
_FROM = frozenset({State.FROM, State.FROM_OUT, State.BOTH})
_OUT = frozenset({State.NONE_OUT, State.NONE_OUT_IN, State.FROM_OUT})
_IN = frozenset({State.NONE_IN, State.NONE_OUT_IN, State.TO_IN})


class Verb(Enum):
    """A subscription stanza and its way."""

    OUT_SUBSCRIBE = "out subscribe"
    OUT_UNSUBSCRIBE = "out unsubscribe"
    OUT_SUBSCRIBED = "out subscribed"
    OUT_UNSUBSCRIBED = "out unsubscribed"
    IN_SUBSCRIBE = "in subscribe"
    IN_UNSUBSCRIBE = "in unsubscribe"
    IN_SUBSCRIBED = "in subscribed"
    IN_UNSUBSCRIBED = "in unsubscribed"


class Sign(Enum):
    """What happens to the stanza itself."""

    PASS = "!"
    HOLD = "-"
    MARK = "+"
    ANSWER = "="


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of the table."""

    sign: Sign
    state: State


# RFC 6121 §A.2.1 to §A.2.4 (outbound), §A.3.1 to §A.3.4 (inbound).
_GRID = """
          out subscribe  out unsubscribe  out subscribed  out unsubscribed  in subscribe  in unsubscribe  in subscribed  in unsubscribed
    N     !NO            !N               +N              +N                !NI           -N              -N             -N
    NO    !NO            !N               +NO             +NO               !NOI          -NO             !T             !N
    NI    !NOI           !NI              !F              !N                -NI           !N              -NI            -NI
    NOI   !NOI           !NI              !FO             !NO               -NOI          !NO             !TI            !NI
    T     !T             !N               +T              +T                !TI           -T              -T             !N
    TI    !TI            !NI              !B              !T                -TI           !T              -TI            !NI
    F     !FO            !F               -F              !N                =F            !N              -F             -F
    FO    !FO            !F               -FO             !NO               =FO           !NO             !B             !F
    B     !B             !F               -B              !T                =B            !T              -B             !F
"""  # noqa: E501


def _read(grid: str) -> Mapping[tuple[State, Verb], Step]:
    _, *rows = grid.strip().splitlines()
    table = {}
    for row in rows:
        name, *cells = row.split()
        for verb, cell in zip(Verb, cells, strict=True):
            table[State(name), verb] = Step(Sign(cell[0]), State(cell[1:]))
    return table


TABLE: Mapping[tuple[State, Verb], Step] = _read(_GRID)

BY_FLAGS: Mapping[tuple[bool, bool, bool, bool], State] = {
    (s.to, s.from_, s.pending_out, s.pending_in): s for s in State
}


def of_flags(to: bool, from_: bool, pending_out: bool, pending_in: bool) -> State:
    """The state with these properties; a combination that the RFC does not know loses its pending halves."""
    return BY_FLAGS.get((to, from_, pending_out and not to, pending_in and not from_), State.NONE)
