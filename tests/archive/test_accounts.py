"""Which accounts there are."""

from __future__ import annotations

from archiveworld import World
from natter.archive.accounts import ACCOUNTS_MAX, Accounts
from natter.bus.removal import AccountNews


async def test_asked_of_the_journals(world: World) -> None:
    accounts = Accounts(world.bus, "localhost")
    assert await accounts.exists("alice@localhost")
    assert not await accounts.exists("nobody@localhost")
    assert not await accounts.exists("alice@elsewhere")
    assert not await accounts.exists("localhost")


async def test_corrected_by_what_the_journals_say(world: World) -> None:
    accounts = Accounts(world.bus, "localhost")
    assert await accounts.exists("alice@localhost")
    accounts.heard(AccountNews("alice", 9, removed_us=1))
    assert not await accounts.exists("alice@localhost")
    accounts.heard(AccountNews("alice", 10))
    assert await accounts.exists("alice@localhost")


async def test_the_memory_is_bounded(world: World) -> None:
    accounts = Accounts(world.bus, "localhost")
    accounts._known.update((str(n), True) for n in range(ACCOUNTS_MAX))
    await accounts.exists("alice@localhost")
    assert len(accounts._known) == ACCOUNTS_MAX
