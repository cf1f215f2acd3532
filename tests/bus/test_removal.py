"""The end of an account as it crosses the bus."""

from __future__ import annotations

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, Entry
from natter.bus.removal import ACCOUNT_REMOVED, AccountNews, news_of, removal_frame, removed_since
from natter.proto.v1.accounts_pb2 import (
    AccountEvent,
    AccountEvents,
    AccountRegistered,
    AccountRemoved,
    PasswordChanged,
)

REGISTERED = AccountEvent(registered=AccountRegistered(username="alice"))
CHANGED = AccountEvent(password_changed=PasswordChanged(username="alice"))
REMOVED = AccountEvent(removed=AccountRemoved(username="alice", time_us=5, by="alice@x/r"))


@pytest.mark.parametrize(
    ("events", "news"),
    [
        ([REGISTERED], AccountNews("alice", 9)),
        ([CHANGED], AccountNews("alice", 9)),
        ([REMOVED], AccountNews("alice", 9, 5, "alice@x/r")),
        ([REGISTERED, REMOVED], AccountNews("alice", 9, 5, "alice@x/r")),
        ([REMOVED, REGISTERED], AccountNews("alice", 9)),
        ([AccountEvent(source="lane.1")], None),
        ([], None),
    ],
)
def test_what_an_entry_says(events: list[AccountEvent], news: AccountNews | None) -> None:
    assert news_of(Entry("natter.journal.account.x", 9, AccountEvents(events=events).SerializeToString())) == news


def test_what_the_shard_is_told() -> None:
    frame = removal_frame("alice@x", 9, 5)
    assert (frame.type, frame.to, frame.sequence, frame.accepted_us) == (ACCOUNT_REMOVED, "alice@x", 9, 5)
    assert not frame.session


async def test_an_account_that_was_removed_stays_so_for_who_had_logged_in_to_it(bus: Bus) -> None:
    async def happens(*events: AccountEvent) -> int:
        payload = AccountEvents(events=events).SerializeToString()
        return await bus.publish(subjects.journal("account", "alice"), payload)

    assert not await removed_since(bus, "alice", 0)
    first = await happens(REGISTERED)
    await happens(CHANGED)
    assert not await removed_since(bus, "alice", first)
    await happens(REMOVED)
    again = await happens(REGISTERED)
    assert await removed_since(bus, "alice", first)
    assert not await removed_since(bus, "alice", again)
    assert not await removed_since(bus, "bob", 0)
