"""Binding, announcing and releasing resources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from natter.bus.directory import Directory
from natter.bus.memory import MemoryBus
from natter.gateway.binding import Binding, Refused
from natter.gateway.returns import Returns
from natter.gateway.session import Announcement, Held, Session
from natter.proto.v1 import bus_pb2

ALICE = "alice@example"
Make = Callable[..., Session]


def binding(directory: Directory, lane: Any, incarnation: str = "gateway-1-aaaa") -> Binding:
    loop = asyncio.get_running_loop()
    returns = Returns(
        put=lane.add, later=lambda _, callback: loop.call_soon(callback), full=lambda: False, returns_max=9
    )
    made = Binding(directory, lane, returns, incarnation, resources_max=3, sessions={})
    directory.on_change(made.changed)
    return made


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0)


async def test_the_server_makes_a_resource_that_cannot_be_guessed(directory: Directory, lane: Any) -> None:
    records = [await binding(directory, lane).bind(ALICE, "") for _ in range(2)]
    assert len({r.resource for r in records}) == 2
    assert all(len(r.resource) >= 16 and len(r.session) == 32 for r in records)
    assert directory.get(records[0].jid) == records[0]
    assert not records[0].available


async def test_a_wanted_resource_is_prepared(directory: Directory, lane: Any) -> None:
    assert (await binding(directory, lane).bind(ALICE, "caf\u0065\u0301")).jid == f"{ALICE}/caf\u00e9"
    with pytest.raises(Refused, match="bad-request"):
        await binding(directory, lane).bind(ALICE, "\x01")


async def test_the_number_of_resources_is_limited(directory: Directory, lane: Any) -> None:
    here = binding(directory, lane)
    results = await asyncio.gather(*(here.bind(ALICE, f"r{n}") for n in range(5)), return_exceptions=True)
    assert [isinstance(r, Refused) for r in results] == [False] * 3 + [True] * 2
    assert str(results[4]) == "resource-constraint"
    # Taking over one's own resource is always possible.
    await here.bind(ALICE, "r0")
    await here.bind("bob@example", "r0")
    assert here.pending == {}


async def test_a_new_session_replaces_the_old_one_on_another_gateway(
    memory: MemoryBus, directory: Directory, lane: Any, link: Any, session_of: Make
) -> None:
    old = binding(directory, lane)
    record = await old.bind(ALICE, "phone")
    session = session_of(record)
    old.sessions = {session.id: session}
    elsewhere = Directory(memory)
    await elsewhere.start()
    new = await binding(elsewhere, lane, "gateway-2-bbbb").bind(ALICE, "phone")
    assert new.session != record.session
    await until(lambda: bool(link.ended))
    assert link.ended == ["conflict"]
    await old.release(session)
    await until(lambda: directory.get(record.jid) == new)
    assert elsewhere.get(record.jid) == new
    assert [(f.ended, f.session) for f in lane.frames] == [(True, record.session)]
    await elsewhere.stop()


async def test_two_that_want_the_same_resource_at_once(directory: Directory, lane: Any) -> None:
    here = binding(directory, lane)
    records = await asyncio.gather(*(here.bind(ALICE, "phone") for _ in range(5)))
    current = directory.get(f"{ALICE}/phone")
    assert current is not None
    assert current.session in {r.session for r in records}
    assert len(directory.sessions(ALICE)) == 1


async def test_a_presence_waits_for_the_directory_and_the_rest_behind_it(
    directory: Directory, lane: Any, session_of: Make
) -> None:
    here = binding(directory, lane)
    session = session_of(await here.bind(ALICE, "phone"))
    seen: list[tuple[str, bool]] = []
    directory.on_change(lambda _, after: seen.append(("directory", bool(after and after.available))))
    frames = [bus_pb2.Frame(id=str(n)) for n in range(3)]
    task = here.hold(session, Held(frames[0], Announcement(available=True, priority=7)))
    assert task is not None
    assert here.hold(session, Held(frames[1])) is None
    assert here.hold(session, Held(frames[2])) is None
    assert lane.frames == []
    await task
    assert [f.id for f in lane.frames] == ["0", "1", "2"]
    current = directory.get(session.jid)
    assert current is not None
    assert (current.available, current.priority, current.session) == (True, 7, session.id)
    assert seen == [("directory", True)]
    assert session.announcing is None


async def test_the_end_of_a_session(directory: Directory, lane: Any, session_of: Make) -> None:
    here = binding(directory, lane)
    session = session_of(await here.bind(ALICE, "it's"))
    unread = bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, type="chat", sessions=[session.id], stanza=b"unread")
    session.outbox.add(b"unread", unread)
    lane.stores = False
    task = here.release(session)
    await until(lambda: bool(lane.frames))
    [frame] = lane.frames
    assert frame.ended
    assert (frame.sender, frame.type, frame.session) == (session.jid, "unavailable", session.id)
    assert frame.stanza == b"<presence from='alice@example/it&apos;s' type='unavailable'/>"
    # The record goes only after the frame is stored, and what was not read goes back only after that.
    assert directory.get(session.jid) is not None
    lane.store()
    await task
    assert directory.get(session.jid) is None
    await until(lambda: len(lane.frames) == 2)
    assert (lane.frames[1].stanza, lane.frames[1].returned) == (b"unread", 1)
    await here.released()
    assert here.claims == set()


async def test_what_was_held_goes_before_the_end(
    memory: MemoryBus, directory: Directory, lane: Any, session_of: Make
) -> None:
    here = binding(directory, lane)
    session = session_of(await here.bind(ALICE, "phone"))
    memory.disconnect()
    here.hold(session, Held(bus_pb2.Frame(id="presence"), Announcement(available=True, priority=0)))
    here.hold(session, Held(bus_pb2.Frame(id="message")))
    task = here.release(session)
    await until(lambda: len(lane.frames) == 3)
    assert [f.id for f in lane.frames] == ["presence", "message", ""]
    assert lane.frames[2].ended
    memory.reconnect()
    await task
    assert directory.get(session.jid) is None


async def test_a_bus_that_is_away_refuses_to_bind(memory: MemoryBus, directory: Directory, lane: Any) -> None:
    here = binding(directory, lane)
    memory.disconnect()
    with pytest.raises(Refused, match="internal-server-error"):
        await here.bind(ALICE, "phone")
    assert here.claims == set()
    assert here.pending == {}


async def test_a_record_of_this_gateway_that_no_session_has_is_removed(
    memory: MemoryBus, directory: Directory, lane: Any
) -> None:
    here = binding(directory, lane)
    stray = bus_pb2.SessionRecord(session="stray", gateway=here.incarnation, jid=f"{ALICE}/stray")
    await directory.create(stray)
    await here.released()
    assert directory.get(f"{ALICE}/stray") is None


async def test_a_session_that_was_given_up_from_outside_is_closed(
    directory: Directory, lane: Any, link: Any, session_of: Make
) -> None:
    here = binding(directory, lane)
    session = session_of(await here.bind(ALICE, "phone"))
    here.sessions = {session.id: session}
    await directory.delete(session.record)
    assert link.ended == ["internal-server-error"]
