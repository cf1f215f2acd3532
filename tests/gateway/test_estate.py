"""What a gateway has left, read from logs that the test has written."""

from __future__ import annotations

from typing import Any

from natter.bus import subjects
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.gateway import former
from natter.gateway.checkpoint import DEPARTED
from natter.gateway.estate import FRESH_SECONDS, Estate, Estates, Item, heard, origin_of
from natter.proto.v1 import bus_pb2

OLD = "gateway-1-aa"
LOG = subjects.deliver(OLD)
S = "s1"


async def put(bus: MemoryBus, subject: str, source: str, *frames: bus_pb2.Frame) -> int:
    return await bus.publish(subject, bus_pb2.Envelope(source=source, frames=frames).SerializeToString())


def said(body: str, sequence: int = 0, index: int = 0, **fields: Any) -> bus_pb2.Frame:
    values: dict[str, Any] = {"sessions": [S], **fields}
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_MESSAGE, type="chat", stanza=body.encode(), sequence=sequence, index=index, **values
    )


def control(which: int, **fields: Any) -> bus_pb2.Frame:
    return bus_pb2.Frame(control=which, sessions=[S], **fields)  # type: ignore[arg-type]


async def checkpoint(bus: MemoryBus, **fields: Any) -> None:
    await Bucket(bus, subjects.CHECKPOINTS).put(f"{OLD}.0", bus_pb2.Checkpoint(**fields).SerializeToString())


async def opened(bus: MemoryBus) -> Estate:
    estate = Estate(bus, OLD, 0, "gateway-2-bb")
    await estate.open()
    await estate.sync()
    return estate


def bodies(estate: Estate) -> list[str]:
    left = estate.known(S)
    assert left is not None
    return [item.stanza.decode() for item in left.outgoing()]


async def test_unacknowledged_by_place_then_what_follows_once(memory: MemoryBus) -> None:
    first = await put(memory, LOG, "lane.0", said("a", 1), said("b", 2), said("c", 3))
    await checkpoint(
        memory,
        delivered=first,
        marks=[bus_pb2.Mark(source="lane.0", sequence=3)],
        sessions=[
            bus_pb2.SessionState(session=S, inbound=4, acknowledged=1, places=[first << 16 | 1, first << 16 | 2])
        ],
    )
    await put(memory, LOG, "lane.0", said("c", 3), said("d", 4), said("other", 5, sessions=["s2"]))
    await put(memory, LOG, "room.0", said("<e/>", 1, sessions=["s2", S], tos=["x@y", "z@y"]))
    estate = await opened(memory)
    assert bodies(estate) == ["b", "c", "d", "<e to='z@y'/>"]
    left = estate.known(S)
    assert left is not None
    assert (left.acknowledged, estate.inbound(S)) == (1, 4)
    assert estate.known("s2") is None
    await estate.close()


async def test_places_are_in_the_order_of_the_session(memory: MemoryBus) -> None:
    # Others sent "b" before the gateway itself said "a", which stood before it.
    theirs = await put(memory, LOG, "lane.0", said("b", 1))
    own = await put(memory, LOG, OLD, said("a", origin="lane.1:1:0"))
    places = [own << 16, theirs << 16]
    await checkpoint(memory, delivered=own, sessions=[bus_pb2.SessionState(session=S, inbound=1, places=places)])
    estate = await opened(memory)
    assert bodies(estate) == ["a", "b"]
    await estate.close()


async def test_what_is_read_for_another_session_does_not_bring_back_the_past(memory: MemoryBus) -> None:
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ADOPTED, inbound=1, outbound=2))
    since = await put(memory, LOG, OLD, bus_pb2.Frame(control=bus_pb2.CONTROL_ARRIVING, sessions=["s2"]))
    await put(memory, LOG, "lane.0", said("acknowledged", 1))
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_SETTLED))
    last = await put(memory, LOG, "lane.0", said("a", 2))
    early = bus_pb2.Checkpoint(delivered=0, sessions=[bus_pb2.SessionState(session="s3")])
    await Bucket(memory, subjects.CHECKPOINTS).put(f"{OLD}.departed1", early.SerializeToString())
    await checkpoint(
        memory,
        delivered=last,
        marks=[bus_pb2.Mark(source="lane.0", sequence=2)],
        sessions=[
            bus_pb2.SessionState(session=S, inbound=5, acknowledged=3, places=[last << 16]),
            bus_pb2.SessionState(session="s2", since=since),
        ],
    )
    estate = await opened(memory)
    assert bodies(estate) == ["a"]
    left = estate.known(S)
    assert left is not None and (left.acknowledged, estate.inbound(S)) == (3, 5)
    await estate.close()


async def test_the_log_is_read_from_where_those_begin_that_are_there(memory: MemoryBus) -> None:
    parts = Bucket(memory, subjects.CHECKPOINTS)
    long_ago = await put(memory, LOG, "lane.0", said("old", 1))
    early = bus_pb2.Checkpoint(sessions=[bus_pb2.SessionState(session=S, inbound=7)])
    await parts.put(f"{OLD}{DEPARTED}1", early.SerializeToString())
    await checkpoint(memory, delivered=long_ago, sessions=[bus_pb2.SessionState(session="s2")])
    estates = Estates(memory, "gateway-2-bb", lambda: 100.0)
    now, all_ = estates.of(OLD, 0), estates.of(OLD, 0, departed=True)
    assert now is not all_ and estates.of(OLD, 0) is now
    for estate in (now, all_):
        await estate.open()
    assert now._read == long_ago and not await now.tells_of(S) and await now.tells_of("s2")
    assert await all_.tells_of(S) and await all_.tells_of("s2")
    assert bodies(all_) == ["old"] and all_.inbound(S) == 7
    # Its own past is full of those that have gone.
    assert estates.of("gateway-2-bb", 0, 5).departed
    await estates.close()


async def test_a_session_that_began_after_the_checkpoint(memory: MemoryBus) -> None:
    await checkpoint(memory)
    await put(memory, LOG, "lane.0", said("before", 1))
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ADOPTED), said("own"))
    await put(memory, LOG, "lane.0", said("after", 2))
    estate = await opened(memory)
    assert bodies(estate) == ["own", "after"]
    await estate.close()


async def test_a_session_that_was_arriving(memory: MemoryBus) -> None:
    await checkpoint(memory)
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ARRIVING))
    await put(memory, LOG, "lane.0", said("late", 9))
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ADOPTED, inbound=5, outbound=7))
    await put(memory, LOG, OLD, said("first", origin="lane.0:8:0"))
    estate = await opened(memory)
    # Not passed on yet: it comes behind.
    assert bodies(estate) == ["first", "late"]
    last = await put(memory, LOG, OLD, said("late", origin="lane.0:9:0"))
    await put(memory, LOG, "lane.0", said("later", 10))
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_SETTLED, position=last))
    await put(memory, LOG, "lane.0", said("normal", 11))
    await estate.sync()
    assert bodies(estate) == ["first", "late", "later", "normal"]
    left = estate.known(S)
    assert left is not None
    assert (left.acknowledged, left.capturing, estate.inbound(S)) == (7, False, 5)
    await estate.close()


async def test_what_had_been_said_to_a_session(memory: MemoryBus) -> None:
    marks = [bus_pb2.Mark(source="lane.0", sequence=5, index=1)]
    number = await former.Former(memory, OLD).write({"room.6": 176 << 32})
    last = await put(memory, LOG, "lane.0", said("a", 5, 1))
    await checkpoint(memory, delivered=last, marks=marks, sessions=[bus_pb2.SessionState(session=S)])
    await put(memory, LOG, "lane.0", said("b", 6))
    new = bus_pb2.Frame(control=bus_pb2.CONTROL_ADOPTED, sessions=["new"])
    moving = bus_pb2.Frame(control=bus_pb2.CONTROL_ARRIVING, sessions=["moving"], former=number)
    await put(memory, LOG, OLD, new, moving)
    await put(memory, LOG, "lane.0", said("c", 7))
    estate = await opened(memory)
    # When it was written down; when it began; and for one that has not settled, where it was before.
    assert await estate.marks(S) == {"lane.0": 5 << 32 | 1}
    assert await estate.marks("new") == {"lane.0": 6 << 32}
    assert await estate.marks("moving") == {"room.6": 176 << 32}
    assert await estate.marks("nobody") == {}
    await estate.close()


async def test_what_had_been_said_before_is_not_captured(memory: MemoryBus) -> None:
    await checkpoint(memory)
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ARRIVING))
    await put(memory, LOG, "lane.0", said("a", 4), said("b", 5))
    estate = await opened(memory)
    left = estate._left[S]
    left.marks = {"lane.0": 4 << 32}
    assert bodies(estate) == ["b"]
    await estate.close()


async def test_arriving_when_the_checkpoint_was_written(memory: MemoryBus) -> None:
    since = await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ARRIVING))
    await put(memory, LOG, OLD, control(bus_pb2.CONTROL_ADOPTED, outbound=2), said("a", origin="x"))
    last = await put(memory, LOG, "lane.0", said("b", 5))
    await checkpoint(
        memory,
        delivered=last,
        marks=[bus_pb2.Mark(source="lane.0", sequence=5)],
        sessions=[bus_pb2.SessionState(session=S, since=since)],
    )
    await put(memory, LOG, "lane.0", said("c", 6))
    estate = await opened(memory)
    assert bodies(estate) == ["a", "b", "c"]
    await estate.close()


async def test_the_lane_says_how_many_stanzas_are_durable_up_to_the_fence(memory: MemoryBus) -> None:
    lane = subjects.lane(0)
    await put(memory, lane, OLD, bus_pb2.Frame(kind=1, session=S, inbound=99))
    behind = await memory.last_sequence(subjects.LANES)
    await checkpoint(memory, lane_sequence=behind, sessions=[bus_pb2.SessionState(session=S, inbound=3)])
    estate = await opened(memory)
    assert estate.inbound(S) == 3
    await put(memory, lane, OLD, bus_pb2.Frame(kind=1, session=S, inbound=4), bus_pb2.Frame(kind=1, session="s2"))
    await put(memory, lane, "gateway-3-cc", bus_pb2.Frame(kind=1, session=S, inbound=77))
    await put(memory, lane, OLD, bus_pb2.Frame(kind=1, session=S, inbound=1, returned=1))
    counted = bus_pb2.Frame(control=bus_pb2.CONTROL_COUNTED, session=S, inbound=6)
    await put(memory, lane, OLD, counted)
    fence = estate.fence(S)
    await put(memory, lane, "gateway-2-bb", bus_pb2.Frame(control=bus_pb2.CONTROL_FENCE, session=S, gateway=OLD))
    await fence
    await put(memory, lane, OLD, bus_pb2.Frame(kind=1, session=S, inbound=7), counted)
    assert estate.inbound(S) == 6
    await estate.close()


async def test_the_gateways_own_fences_count_nothing(memory: MemoryBus) -> None:
    lane = subjects.lane(0)
    await checkpoint(memory, sessions=[bus_pb2.SessionState(session=S, inbound=3)])
    counted = bus_pb2.Frame(control=bus_pb2.CONTROL_COUNTED, session=S, inbound=6, gateway=OLD)
    # It goes on to fence those before it, when the session is back already.
    fences = [
        bus_pb2.Frame(control=bus_pb2.CONTROL_FENCE, session=S, gateway=gateway) for gateway in ("gateway-0-zz", OLD)
    ]
    await put(memory, lane, OLD, counted, fences[0])
    estate = await opened(memory)
    fence = estate.fence(S)
    await put(memory, lane, "gateway-2-bb", fences[1])
    await fence
    assert estate.inbound(S) == 6
    # Nor do they undo what another has said.
    await put(memory, lane, OLD, fences[0], bus_pb2.Frame(kind=1, session=S, inbound=7))
    fence = estate.fence(S)
    await put(memory, lane, "gateway-2-bb", fences[1])
    await fence
    assert estate.inbound(S) == 6
    await estate.close()


async def test_what_still_comes_goes_to_the_heir(memory: MemoryBus) -> None:
    await checkpoint(memory, sessions=[bus_pb2.SessionState(session=S)])
    estate = await opened(memory)
    left = estate.known(S)
    assert left is not None
    got: list[Item] = []
    left.heir = got.append
    await put(memory, LOG, "lane.0", said("late", 1), said("late", 1))
    await estate.sync()
    assert [(item.stanza, item.origin) for item in got] == [(b"late", "lane.0:1:0")] * 2
    await estate.close()


async def test_of_a_gateway_that_has_left_nothing_nothing_is_known(memory: MemoryBus) -> None:
    estate = await opened(memory)
    assert estate.known(S) is None
    await estate.close()


async def test_estates_are_read_anew_for_sessions_that_are_taken_later(memory: MemoryBus) -> None:
    now = 100.0
    estates = Estates(memory, "gateway-2-bb", lambda: now)
    first = estates.of(OLD, 0)
    now += FRESH_SECONDS
    assert estates.of(OLD, 0) is first
    now += 1.0
    second = estates.of(OLD, 0)
    assert second is not first
    assert estates.of("gateway-1-cc", 0) not in (first, second)
    now += 10.0
    assert estates.forget({second}, 10.5) == [first]
    now += 1.0
    assert len(estates.forget({second}, 10.5)) == 1
    assert estates.forget((), 10.5) == [second]
    assert estates.of(OLD, 0) is not second
    await estates.close()


def test_every_coming_has_one_name() -> None:
    assert origin_of("lane.1", said("x", 5, 16), 99) == "lane.1:5:16"
    assert origin_of("user.1", said("x"), 99) == "user.1@99"
    assert origin_of("g", said("x", origin="lane.1:5:16"), 99) == "lane.1:5:16"


def test_a_source_has_said_everything_up_to_its_mark() -> None:
    marks = {"room.6": 176 << 32 | 1}
    assert [heard(marks, f"room.6:{cause}") for cause in ("175:9", "176:0", "176:1", "176:2", "177:0")] == [
        *(True,) * 3,
        *(False,) * 2,
    ]
    assert not heard(marks, "room.7:1:0") and not heard(marks, "room.6@5") and not heard(marks, "x")
