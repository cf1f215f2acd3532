"""Folding an account's journal."""

from __future__ import annotations

from natter.accounts.account.state import INITIAL, Account, Cause, fold
from natter.proto.v1.accounts_pb2 import (
    AccountEvent,
    AccountRegistered,
    AccountRemoved,
    PasswordChanged,
    ScramKeys,
)

OLD, NEW = ScramKeys(mechanism="SCRAM-SHA-1", salt=b"old"), ScramKeys(mechanism="SCRAM-SHA-1", salt=b"new")
REGISTERED = AccountEvent(registered=AccountRegistered(username="alice", keys=[OLD]))
CHANGED = AccountEvent(
    password_changed=PasswordChanged(username="alice", keys=[NEW]), source="lane.2", sequence=7, index=16
)
REMOVED = AccountEvent(removed=AccountRemoved(username="alice"), source="lane.2", sequence=9, index=0)


def test_a_life() -> None:
    assert fold(INITIAL, []) == Account()
    assert fold(INITIAL, [REGISTERED]) == Account(True, (OLD,), {})
    assert fold(INITIAL, [REGISTERED, CHANGED]) == Account(True, (NEW,), {"lane.2": (7, 16)})
    assert fold(INITIAL, [REGISTERED, CHANGED, REMOVED]) == Account(False, (), {"lane.2": (9, 0)})


def test_the_newest_event_alone_says_how_to_log_in() -> None:
    for history in ([REGISTERED], [REGISTERED, CHANGED], [REGISTERED, CHANGED, REMOVED], [REMOVED, REGISTERED]):
        whole, newest = fold(INITIAL, history), fold(INITIAL, history[-1:])
        assert (whole.exists, whole.keys) == (newest.exists, newest.keys)


def test_causes_stay_known_after_removal_and_re_registration() -> None:
    account = fold(INITIAL, [REGISTERED, CHANGED, REMOVED, REGISTERED])
    assert account.exists
    assert account.has_applied(Cause("lane.2", 9, 0)) and account.has_applied(Cause("lane.2", 7, 16))
    assert not account.has_applied(Cause("lane.2", 9, 1)) and not account.has_applied(Cause("lane.3", 1, 0))
    assert not account.has_applied(Cause())


def test_an_event_of_a_later_version_is_no_error() -> None:
    account = fold(INITIAL, [REGISTERED, AccountEvent(source="lane.1", sequence=3)])
    assert account == Account(True, (OLD,), {"lane.1": (3, 0)})
