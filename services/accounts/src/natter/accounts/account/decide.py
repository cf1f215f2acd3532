"""What may be done to an account. Each decision gives the events to append; none where there is nothing to do.

Every request derives its keys once, with a random salt of its own. Keys that stand already are therefore this very
request, decided before: it is done.
"""

from __future__ import annotations

from collections.abc import Sequence

from natter.proto.v1.accounts_pb2 import (
    AccountEvent,
    AccountRegistered,
    AccountRemoved,
    PasswordChanged,
    ScramKeys,
)

from .state import Account, Cause


class Refused(Exception):
    """The request cannot be granted. `condition`: "conflict" or "not-found"."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


def register(account: Account, *, username: str, keys: Sequence[ScramKeys], now_us: int, by: str) -> list[AccountEvent]:
    """Make the account."""
    if account.exists and account.keys == tuple(keys):
        return []
    if account.exists:
        raise Refused("conflict")
    return [AccountEvent(registered=AccountRegistered(username=username, keys=keys, time_us=now_us, by=by))]


def change_password(
    account: Account, *, username: str, keys: Sequence[ScramKeys], now_us: int, by: str, cause: Cause
) -> list[AccountEvent]:
    """Replace the keys."""
    if account.has_applied(cause) or (account.exists and account.keys == tuple(keys)):
        return []
    if not account.exists:
        raise Refused("not-found")
    change = PasswordChanged(username=username, keys=keys, time_us=now_us, by=by)
    return [caused(AccountEvent(password_changed=change), cause)]


def remove(account: Account, *, username: str, now_us: int, by: str, cause: Cause) -> list[AccountEvent]:
    """Close the account. Its name may be taken again."""
    if account.has_applied(cause):
        return []
    if not account.exists:
        raise Refused("not-found")
    return [caused(AccountEvent(removed=AccountRemoved(username=username, time_us=now_us, by=by)), cause)]


def caused(event: AccountEvent, cause: Cause) -> AccountEvent:
    """`event` with its cause written on it."""
    event.source, event.sequence, event.index = cause.source, cause.sequence, cause.index
    return event
