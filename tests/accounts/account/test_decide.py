"""Decisions about an account, and that deciding again on the result gives nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.accounts.account import decide
from natter.accounts.account.decide import Refused
from natter.accounts.account.state import INITIAL, NO_CAUSE, Account, Cause, fold
from natter.proto.v1.accounts_pb2 import AccountEvent, ScramKeys


def keys(salt: bytes) -> list[ScramKeys]:
    return [ScramKeys(mechanism="SCRAM-SHA-256", salt=salt, iterations=10_000)]


def registered(salt: bytes = b"a") -> Account:
    return fold(INITIAL, decide.register(INITIAL, username="alice", keys=keys(salt), now_us=1, by="cli"))


def change(account: Account, salt: bytes, cause: Cause = NO_CAUSE) -> list[AccountEvent]:
    return decide.change_password(account, username="alice", keys=keys(salt), now_us=2, by="a@b/c", cause=cause)


def remove(account: Account, cause: Cause = NO_CAUSE) -> list[AccountEvent]:
    return decide.remove(account, username="alice", now_us=3, by="a@b/c", cause=cause)


def test_registering() -> None:
    account = registered()
    assert account.exists and account.keys == tuple(keys(b"a"))
    assert decide.register(account, username="alice", keys=keys(b"a"), now_us=1, by="cli") == []
    with pytest.raises(Refused, match="conflict"):
        decide.register(account, username="alice", keys=keys(b"b"), now_us=1, by="cli")


def test_changing_the_password() -> None:
    account = fold(registered(), change(registered(), b"b"))
    assert account.keys == tuple(keys(b"b")) and change(account, b"b") == []
    with pytest.raises(Refused, match="not-found"):
        change(INITIAL, b"b")


def test_removing() -> None:
    account = fold(registered(), remove(registered()))
    assert not account.exists and account.keys == ()
    with pytest.raises(Refused, match="not-found"):
        remove(account)
    assert decide.register(account, username="alice", keys=keys(b"c"), now_us=4, by="cli") != []


def test_an_old_stanza_worked_on_again_changes_nothing() -> None:
    cause = Cause("lane.0", 5, 0)
    changed = fold(registered(), change(registered(), b"b", cause))
    later = fold(changed, change(changed, b"c"))
    assert change(later, b"b", cause) == []
    removed = fold(later, remove(later, Cause("lane.0", 6, 0)))
    again = fold(removed, decide.register(removed, username="alice", keys=keys(b"z"), now_us=9, by="cli"))
    assert remove(again, Cause("lane.0", 6, 0)) == [] and again.exists


Step = Callable[[Account], list[AccountEvent]]
CAUSES = st.builds(Cause, st.sampled_from(["lane.0", "lane.1"]), st.integers(1, 50), st.integers(0, 3))
STEPS = st.one_of(
    st.builds(
        lambda salt: lambda a: decide.register(a, username="alice", keys=keys(salt), now_us=1, by="cli"), st.binary()
    ),
    st.builds(lambda salt, cause: lambda a: change(a, salt, cause), st.binary(), CAUSES),
    st.builds(lambda cause: lambda a: remove(a, cause), CAUSES),
)


@given(st.lists(STEPS, max_size=12))
def test_decide_again_on_the_result_gives_nothing(steps: list[Step]) -> None:
    account = INITIAL
    for step in steps:
        try:
            events = step(account)
        except Refused:
            continue
        account = fold(account, events)
        assert step(account) == []
