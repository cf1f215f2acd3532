"""Users in memory: loaded, bounded, written as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from gate import Gate
from natter.bus.api import Bus, Unavailable
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.presence.model import codec
from natter.presence.model.codec import Cause
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.fold import fold
from natter.presence.model.user import Logout, Session, SessionChanged, SessionEnded
from natter.presence.residents import KIND, Residents

HOME = Session("anne@x/home", "s1", b"<presence/>")


def residents(bus: Bus, *, users_max: int = 10, exists: bool = True) -> Residents:
    async def logout(jid: str) -> Logout | None:
        return Logout(5) if jid == "anne@x" else None

    async def account(jid: str) -> bool:
        return exists

    return Residents(
        Journal(bus),
        Snapshots(bus),
        users_max=users_max,
        sessions={"anne@x": {HOME.jid: HOME}},
        logout=logout,
        exists=account,
    )


async def append(bus: Bus, jid: str, name: str, expected: int, sequence: int) -> int:
    written = codec.write(ContactChanged(Contact(f"{name}@x")), Cause("user.0", sequence, 0))
    return await Journal(bus).append(KIND, jid, codec.encode([written]), expected=expected)


async def test_a_user_is_snapshot_and_later_events(bus: Bus) -> None:
    first = await append(bus, "anne@x", "a", 0, 1)
    second = await append(bus, "anne@x", "b", first, 2)
    users = residents(bus)
    resident = await users.load("anne@x")
    assert list(resident.user.roster.contacts) == ["a@x", "b@x"]
    assert resident.revision == second and resident.applied == {"user.0": Cause("", 2, 0).key}
    assert resident.user.logout == Logout(5) and resident.user.sessions == {HOME.jid: HOME}
    assert resident.events_since_snapshot == 2
    await users.snapshot(resident)
    assert len(await Journal(bus).load(KIND, "anne@x")) == 1
    third = await append(bus, "anne@x", "c", second, 3)
    again = await residents(bus).load("anne@x")
    assert list(again.user.roster.contacts) == ["a@x", "b@x", "c@x"]
    assert (again.revision, again.events_since_snapshot) == (third, 1)
    assert again.user.roster.changed_at.keys() == {"a@x", "b@x", "c@x"}


async def test_strangers_are_asked_for(bus: Bus) -> None:
    users = residents(bus, exists=False)
    assert not (await users.load("ghost@x")).user.exists
    assert (await users.load("anne@x")).user.exists
    users.forget("ghost@x")
    assert users.get("ghost@x") is None


async def test_memory_is_bounded_and_the_busy_stay(bus: Bus) -> None:
    users = residents(bus, users_max=2)
    for name in "abcd":
        await users.load(f"{name}@x")
    users.get("a@x")
    users.trim({"b@x"})
    assert len(users) == 2
    assert users.get("a@x") is not None and users.get("b@x") is not None


async def test_sessions_outlive_the_roster_in_memory(bus: Bus) -> None:
    users = residents(bus, users_max=1)
    resident = await users.load("bob@x")
    phone: Any = Session("bob@x/phone", "s2")
    users.keep(resident, fold(resident.user, (), (SessionChanged(phone),), 0))
    await users.load("carol@x")
    users.trim(())
    assert users.get("bob@x") is None
    assert users.session("bob@x/phone") == phone
    assert {session.jid for session in users.sessions()} == {"bob@x/phone", "anne@x/home"}
    resident = await users.load("bob@x")
    users.keep(resident, fold(resident.user, (), (SessionEnded("bob@x/phone"),), 0))
    assert users.session("bob@x/phone") is None


async def test_a_snapshot_that_the_bus_did_not_take_is_due_with_the_next_event(bus: Bus) -> None:
    await append(bus, "anne@x", "a", 0, 1)
    gate = Gate(bus)
    gate.shut = {"$KV.snapshots."}
    users = residents(bus)
    resident = await users.load("anne@x")
    with pytest.raises(Unavailable):
        await users.snapshot(resident)
    assert resident.events_since_snapshot == 1
    gate.shut.clear()
    await users.snapshot(resident)
    assert resident.events_since_snapshot == 0
