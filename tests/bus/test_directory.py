"""The session directory: replicas that agree, own writes at once, no ghosts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.bus import directory
from natter.bus.api import Bus, Unavailable, WrongRevision
from natter.bus.directory import Directory, Session, gateway_of
from natter.bus.memory import MemoryBus
from natter.proto.v1 import bus_pb2

Eventually = Callable[..., Awaitable[None]]


def record(jid: str = "alice@example.org/phone", session: str = "s1", **more: object) -> bus_pb2.SessionRecord:
    return bus_pb2.SessionRecord(jid=jid, session=session, gateway="gateway-1-ab", bound_us=5, **more)  # type: ignore[arg-type]


async def started(bus: Bus) -> Directory:
    directory = Directory(bus)
    await directory.start()
    return directory


async def test_own_writes_are_seen_at_once_and_others_soon(bus: Bus, eventually: Eventually) -> None:
    mine, other = await started(bus), await started(bus)
    changes: list[tuple[Session | None, Session | None]] = []
    seen: list[tuple[Session | None, Session | None]] = []
    mine.on_change(lambda before, after: changes.append((before, after)))
    other.on_change(lambda before, after: seen.append((before, after)))
    bound = await mine.create(record())
    assert mine.get("alice@example.org/phone") == bound
    assert (bound.bare, bound.resource, bound.available, bound.bound_us) == ("alice@example.org", "phone", False, 5)
    available = await mine.update(bound, available=True, priority=-3)
    assert dict(mine.sessions("alice@example.org")) == {"phone": available}
    assert mine.by_session("s1") == available
    await mine.delete(available)
    assert mine.get("alice@example.org/phone") is None
    assert mine.by_session("s1") is None
    assert len(mine) == 0
    last = await mine.create(record("bob@example.org/phone", "s2"))
    await eventually(lambda: seen and seen[-1] == (None, last))
    assert changes == [(None, bound), (bound, available), (available, None), (None, last)]
    assert list(other.all()) == [last]
    # Every change is told once, in order; what was overwritten meanwhile may be left out.
    assert all(change in [*changes, (None, available)] for change in seen)


async def test_late_replica_has_everything(bus: Bus) -> None:
    mine = await started(bus)
    for number in range(20):
        await mine.create(record(f"user{number % 4}@example.org/r{number}", f"s{number}"))
    late = await started(bus)
    assert {s.jid for s in late.all()} == {s.jid for s in mine.all()}
    assert len(late.sessions("user1@example.org")) == 5
    assert late.sessions("nobody@example.org") == {}


async def test_it_knows_how_many_sessions_each_gateway_has(bus: Bus) -> None:
    mine = await started(bus)
    one, two = [await mine.create(record(f"user{n}@example.org/r", f"s{n}")) for n in range(2)]
    assert dict(mine.gateways()) == {"gateway-1-ab": 2}
    one = await mine.update(one, available=True)
    two = await mine.update(two, gateway="gateway-2-cd")
    assert dict(mine.gateways()) == {"gateway-1-ab": 1, "gateway-2-cd": 1}
    assert mine.at({"gateway-2-cd", "gateway-3-ef"}) == [two] and mine.at({"gateway-3-ef"}) == []
    await mine.delete(one)
    await mine.delete(two)
    assert dict(mine.gateways()) == {}


async def test_synced_replica_has_everything_stored_before(bus: Bus) -> None:
    mine, other = await started(bus), await started(bus)
    assert mine._watch is not None
    mine._watch.pause()
    bound = await other.create(record())
    syncing = asyncio.create_task(mine.sync())
    await other.sync()
    await asyncio.sleep(0)
    assert not syncing.done() and not len(mine)
    mine._watch.resume()
    await syncing
    assert list(mine.all()) == [bound]
    # No key of a session, for nobody.
    assert list(other.all()) == list((await started(bus)).all()) == [bound]
    # Nothing new: it is there at once all the same.
    await mine.sync()


async def test_sync_says_that_the_watch_lags(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "SYNC_SECONDS_MAX", 0.05)
    mine = await started(bus)
    assert mine._watch is not None
    mine._watch.pause()
    with pytest.raises(Unavailable):
        await mine.sync()
    assert not mine._syncing


async def test_conflict(bus: Bus) -> None:
    one, other = await started(bus), await started(bus)
    await one.create(record())
    with pytest.raises(WrongRevision):
        await other.create(record(session="s2"))


async def test_stale_update_is_refused(bus: Bus) -> None:
    directory = await started(bus)
    bound = await directory.create(record())
    await directory.update(bound, available=True)
    with pytest.raises(WrongRevision):
        await directory.update(bound, available=False)


async def test_delete_with_an_old_revision(bus: Bus) -> None:
    directory = await started(bus)
    bound = await directory.create(record())
    await directory.update(bound, available=True)
    await directory.delete(bound)
    assert directory.get(bound.jid) is None


async def test_delete_leaves_a_successor_alone(bus: Bus, eventually: Eventually) -> None:
    mine, other = await started(bus), await started(bus)
    old = await mine.create(record())
    await eventually(lambda: other.get(old.jid))
    await other.delete(old)
    new = await other.create(record(session="s2"))
    await mine.delete(old)
    await eventually(lambda: mine.get(old.jid) == new)
    assert mine.by_session("s1") is None
    assert mine.by_session("s2") == new


async def test_delete_twice(bus: Bus, eventually: Eventually) -> None:
    mine, janitor = await started(bus), await started(bus)
    session = await mine.create(record())
    await eventually(lambda: len(janitor) == 1)
    await janitor.delete(session)
    await mine.delete(session)
    assert len(mine) == 0
    await mine.delete(session)


async def test_jids_of_any_length_and_alphabet(bus: Bus, eventually: Eventually) -> None:
    mine, other = await started(bus), await started(bus)
    jids = ["ünï@example.org/Ж ☃/@", f"{'l' * 300}@example.org/r", f"a@example.org/{'r' * 1000}"]
    sessions = [await mine.create(record(jid, f"s{n}")) for n, jid in enumerate(jids)]
    await eventually(lambda: len(other) == 3)
    assert other.get(jids[0]) == sessions[0]
    for session in sessions:
        await mine.delete(session)
    await eventually(lambda: len(other) == 0)
    assert other._bares == {}
    assert other._hashed == {}


async def test_no_tombstones_stay(bus: Bus, eventually: Eventually) -> None:
    directory = await started(bus)
    for number in range(20):
        session = await directory.create(record(session=f"s{number}"))
        await directory.delete(session)
    await eventually(lambda: not directory._deleted)
    assert len(directory) == 0


async def test_callback_that_raises_harms_nobody() -> None:
    bus = MemoryBus()
    directory = await started(bus)
    seen: list[Session | None] = []
    directory.on_change(lambda before, after: seen.append(seen[99]))
    directory.on_change(lambda before, after: seen.append(after))
    session = await directory.create(record())
    assert seen == [session]
    await directory.stop()


async def test_one_record_without_a_replica(bus: Bus) -> None:
    mine = await started(bus)
    bound = await mine.create(record())
    assert await gateway_of(bus, bound.jid, "s1") == "gateway-1-ab"
    assert await gateway_of(bus, bound.jid, "s0") == ""
    assert await gateway_of(bus, "alice@example.org/other", "s1") == ""
    await mine.delete(bound)
    assert await gateway_of(bus, bound.jid, "s1") == ""


async def test_the_record_itself_whatever_the_replica_knows(bus: Bus) -> None:
    mine, theirs = Directory(bus), Directory(bus)
    await mine.start()
    bound = await mine.create(record("alice@localhost/r"))
    # Never started: it has no watch.
    assert await theirs.read(bound) == bound
    moved = await mine.update(bound, gateway="gw-2")
    assert await theirs.read(bound) == moved
    assert not await theirs.look(bound) and await theirs.look(moved)
    await mine.delete(moved)
    assert await theirs.read(bound) is None
    await mine.stop()
