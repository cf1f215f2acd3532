"""Whom users have blocked: writes, the replica, and what matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from natter.bus.api import Bus
from natter.bus.blocklists import Blocklists, matches

ALICE = "alice@h"


async def started(bus: Bus) -> Blocklists:
    lists = Blocklists(bus)
    await lists.start()
    return lists


async def test_own_writes_are_seen_at_once_and_by_others(bus: Bus, eventually: Callable[..., Awaitable[None]]) -> None:
    here, there = await started(bus), await started(bus)
    told: list[tuple[str, frozenset[str], frozenset[str]]] = []
    there.on_change(lambda *change: told.append(change))
    assert await here.change(ALICE, lambda before: before | {"bob@h"}) == {"bob@h"}
    assert here.blocks(ALICE, "bob@h/x") and not here.blocks("bob@h", ALICE)
    await eventually(lambda: there.blocks(ALICE, "bob@h"))
    await here.change(ALICE, lambda before: before | {"bob@h"})
    await here.change(ALICE, lambda before: frozenset())
    await eventually(lambda: not there.blocks(ALICE, "bob@h"))
    assert told == [(ALICE, frozenset(), {"bob@h"}), (ALICE, {"bob@h"}, frozenset())]
    assert there.lists == {}
    await here.stop()
    await there.stop()


async def test_two_writers_of_one_list(bus: Bus) -> None:
    here, there = Blocklists(bus), Blocklists(bus)
    await here.change(ALICE, lambda before: before | {"a@h"})
    await there.change(ALICE, lambda before: before | {"b@h"})
    assert await here.change(ALICE, lambda before: before | {"c@h"}) == {"a@h", "b@h", "c@h"}


async def test_the_end_of_an_account(bus: Bus, eventually: Callable[..., Awaitable[None]]) -> None:
    lists = await started(bus)
    await lists.change(ALICE, lambda before: frozenset({"bob@h"}))
    await lists.forget(ALICE)
    await lists.forget("nobody@h")
    await eventually(lambda: not lists.of(ALICE))
    assert await lists.change(ALICE, lambda before: before | {"c@h"}) == {"c@h"}
    assert lists.of(ALICE) == {"c@h"}
    await lists.stop()


async def test_a_whole_domain_is_not_oneself(bus: Bus) -> None:
    lists = Blocklists(bus)
    await lists.change(ALICE, lambda before: frozenset({"h"}))
    assert lists.blocks(ALICE, "bob@h") and not lists.blocks(ALICE, f"{ALICE}/other")


@pytest.mark.parametrize(
    ("blocked", "jid", "does"),
    [
        ("bob@h/x", "bob@h/x", True),
        ("bob@h/x", "bob@h/y", False),
        ("bob@h/x", "bob@h", False),
        ("bob@h", "bob@h/y", True),
        ("bob@h", "bob@h", True),
        ("h/x", "h/x", True),
        ("h/x", "h/y", False),
        ("h", "bob@h/y", True),
        ("h", "h", True),
        ("h", "bob@other.h", False),
    ],
)
def test_what_matches(blocked: str, jid: str, does: bool) -> None:
    assert matches(frozenset({blocked}), jid) is does
