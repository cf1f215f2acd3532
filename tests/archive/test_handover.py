"""What waits is handed over once, to who comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from archiveworld import ALICE, BOB, World, until
from natter.archive.handover import BYTES_MAX, envelopes
from natter.bus.api import Unavailable
from natter.proto.v1.bus_pb2 import Envelope, Frame

QUERY = "{urn:xmpp:mam:2}query"


async def gone(world: World) -> None:
    """Nothing waits any more, here and in the database."""
    await until(lambda: not world.handover.counts and not world.handover._running)
    assert await world.archive.counts() == {}


async def test_who_comes_gets_it_in_order_and_once(world: World) -> None:
    await world.take(*(world.message(str(n), offline=BOB) for n in range(3)))
    await world.bind(f"{BOB}/b")
    await gone(world)
    found = await world.delivered()
    assert [frame.stanza.count(b"Offline Storage") for frame in found] == [1, 1, 1]
    assert [f"<body>{n}</body>".encode() in frame.stanza for n, frame in enumerate(found)] == [True] * 3
    assert {tuple(frame.sessions) for frame in found} == {(f"s:{BOB}/b",)}
    # It can be routed again.
    assert {frame.session for frame in found} == {f"s:{ALICE}/a"} and not any(frame.sequence for frame in found)
    await world.bind(f"{BOB}/c")
    assert len(await world.delivered()) == 3


@pytest.mark.parametrize(("available", "priority"), [(False, 0), (True, -1)])
async def test_only_for_presence_that_is_not_negative(world: World, available: bool, priority: int) -> None:
    await world.take(world.message("1", offline=BOB))
    session = await world.bind(f"{BOB}/b", available=available, priority=priority)
    assert world.handover._running == {} and await world.delivered() == []
    await world.directory.update(session, available=True, priority=0)
    await gone(world)
    assert len(await world.delivered()) == 1


async def test_who_came_before_it_was_stored_gets_it_at_once(world: World) -> None:
    await world.bind(f"{BOB}/b")
    await world.take(world.message("1", offline=BOB))
    await gone(world)
    assert len(await world.delivered()) == 1


async def test_of_several_sessions_one_gets_it(world: World) -> None:
    await world.bind(f"{BOB}/low", priority=1)
    await world.bind(f"{BOB}/high", priority=2)
    await world.take(world.message("1", offline=BOB))
    await gone(world)
    assert [list(frame.sessions) for frame in await world.delivered()] == [[f"s:{BOB}/high"]]


async def test_whoever_comes_after_a_crash_says_it_under_the_same_name(world: World) -> None:
    await world.take(world.message("1", offline=BOB))
    handed = world.archive.handed

    tried: list[str] = []

    async def crash(owner: str, batch: str) -> None:
        tried.append(batch)
        raise Unavailable("the process dies here")

    world.archive.handed = crash  # type: ignore[method-assign]
    await world.bind(f"{BOB}/b")
    await until(lambda: tried)
    await world.close()
    world.archive.handed = handed  # type: ignore[method-assign]
    await world.open()
    await gone(world)
    assert len(await world.delivered()) == 1


async def test_what_comes_back_meanwhile_is_not_lost(world: World) -> None:
    await world.take(world.message("1", offline=BOB, stanza_id="same"))
    batch = await world.archive.hand(BOB, "x", 10)
    # The session has left: the same message waits again before the first hand-over is through.
    await world.take(world.message("1", offline=BOB, stanza_id="same", owners=[], returned=1))
    await world.archive.handed(BOB, batch[0].handed)
    assert await world.archive.counts() == {BOB: 1}


async def test_who_has_read_the_archive_first_does_not_get_the_same_again(world: World) -> None:
    session = await world.bind(f"{BOB}/b", available=False)
    await world.take(world.message("archived", offline=BOB), world.message("not", offline=BOB, stanza_id="", owners=[]))
    await world.take(world.iq(QUERY, "<query xmlns='urn:xmpp:mam:2'/>", sender=f"{BOB}/b"))
    before = len(await world.delivered())
    await world.directory.update(replace(world.directory.get(f"{BOB}/b") or session), available=True)
    await gone(world)
    late = (await world.delivered())[before:]
    assert [b"<body>not</body>" in frame.stanza for frame in late] == [True]


async def test_who_was_blocked_meanwhile_is_told(world: World) -> None:
    """XEP-0191 §3.3: once blocked, nothing is delivered."""
    await world.bind(f"{ALICE}/a")
    await world.take(
        world.message("unwanted", offline=BOB, id="m1"),
        world.message("wanted", sender="carol@localhost/c", offline=BOB),
        world.message("nobody to be told", sender="eve@localhost/e", offline=BOB),
    )
    world.blocked = {(BOB, f"{ALICE}/a"), (BOB, "eve@localhost/e")}
    await world.bind(f"{BOB}/b")
    await gone(world)
    late = await world.delivered()
    assert [(list(frame.sessions), frame.type) for frame in late] == [
        ([f"s:{BOB}/b"], "chat"),
        ([f"s:{ALICE}/a"], "error"),
    ]
    assert b"<body>wanted</body>" in late[0].stanza
    assert b"<service-unavailable " in late[1].stanza and late[1].id == "m1" and b"Offline" not in late[1].stanza


def test_envelopes_are_bounded() -> None:
    big = Frame(stanza=b"x" * (BYTES_MAX // 2)).SerializeToString()
    made = [Envelope.FromString(raw) for raw in envelopes([big] * 4, "s")]
    assert [len(envelope.frames) for envelope in made] == [1, 1, 1, 1]
    small: Any = [Frame(id=str(n)).SerializeToString() for n in range(10)]
    (one,) = [Envelope.FromString(raw) for raw in envelopes(small, "s")]
    assert [frame.id for frame in one.frames] == [str(n) for n in range(10)]
    assert list(envelopes([], "s")) == []
