"""Every cell of RFC 6121 Appendix A, against the two halves that the table is made of."""

from __future__ import annotations

import pytest
from natter.presence.model.subscription import BY_FLAGS, TABLE, Sign, State, Verb, of_flags

CELLS = [(state, verb) for state in State for verb in Verb]


def halves(state: State) -> tuple[str, str]:
    """(what the user has of the contact, what the contact has of the user)."""
    mine = "yes" if state.to else "asked" if state.pending_out else "no"
    his = "yes" if state.from_ else "asked" if state.pending_in else "no"
    return mine, his


# verb -> which half it moves, and per content of that half: sign and what follows.
RULES: dict[Verb, tuple[int, dict[str, tuple[str, str]]]] = {
    Verb.OUT_SUBSCRIBE: (0, {"no": ("!", "asked"), "asked": ("!", "asked"), "yes": ("!", "yes")}),
    Verb.OUT_UNSUBSCRIBE: (0, {"no": ("!", "no"), "asked": ("!", "no"), "yes": ("!", "no")}),
    Verb.IN_SUBSCRIBED: (0, {"no": ("-", "no"), "asked": ("!", "yes"), "yes": ("-", "yes")}),
    Verb.IN_UNSUBSCRIBED: (0, {"no": ("-", "no"), "asked": ("!", "no"), "yes": ("!", "no")}),
    Verb.OUT_SUBSCRIBED: (1, {"no": ("+", "no"), "asked": ("!", "yes"), "yes": ("-", "yes")}),
    Verb.OUT_UNSUBSCRIBED: (1, {"no": ("+", "no"), "asked": ("!", "no"), "yes": ("!", "no")}),
    Verb.IN_SUBSCRIBE: (1, {"no": ("!", "asked"), "asked": ("-", "asked"), "yes": ("=", "yes")}),
    Verb.IN_UNSUBSCRIBE: (1, {"no": ("-", "no"), "asked": ("!", "no"), "yes": ("!", "no")}),
}


@pytest.mark.parametrize(("state", "verb"), CELLS, ids=lambda cell: cell.value)
def test_every_cell(state: State, verb: Verb) -> None:
    half, rule = RULES[verb]
    before = list(halves(state))
    sign, after = rule[before[half]]
    before[half] = after
    step = TABLE[state, verb]
    assert step.sign is Sign(sign)
    assert halves(step.state) == tuple(before)


@pytest.mark.parametrize(("state", "verb"), CELLS, ids=lambda cell: cell.value)
def test_a_stanza_that_comes_twice_changes_once(state: State, verb: Verb) -> None:
    once = TABLE[state, verb].state
    assert TABLE[once, verb].state is once


def test_the_table_is_complete() -> None:
    assert len(TABLE) == 9 * 8
    assert len({halves(state) for state in State}) == 9


@pytest.mark.parametrize("state", State)
def test_flags_name_the_state(state: State) -> None:
    assert of_flags(state.to, state.from_, state.pending_out, state.pending_in) is state
    assert len(BY_FLAGS) == 9


def test_flags_that_contradict_each_other_lose_the_pending_half() -> None:
    assert of_flags(True, False, True, False) is State.TO
    assert of_flags(True, True, True, True) is State.BOTH


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.NONE_OUT_IN, "none"), (State.TO_IN, "to"), (State.FROM_OUT, "from"), (State.BOTH, "both")],
)
def test_what_clients_see(state: State, word: str) -> None:
    assert state.subscription == word
