"""Effects to frames."""

from __future__ import annotations

import pytest
from natter.bus import subjects
from natter.bus.directory import Directory
from natter.bus.memory import MemoryBus
from natter.bus.subjects import bucket_spec, shard_of
from natter.presence import outputs as module
from natter.presence.model.effects import Broadcast, Effect, Push, Send, ToSessions, Via
from natter.presence.model.user import User
from natter.presence.outputs import Outputs
from natter.proto.v1 import bus_pb2

CAUSE = bus_pb2.Frame(accepted_us=42)


@pytest.fixture
async def directory() -> Directory:
    bus = MemoryBus()
    await bus.ensure_stream(bucket_spec("sessions"))
    made = Directory(bus)
    await made.start()
    for jid, session, gateway, available in (
        ("a@x/1", "a1", "g1", True),
        ("a@x/2", "a2", "g2", True),
        ("a@x/3", "a3", "g1", False),
        ("b@x/1", "b1", "g1", True),
    ):
        record = bus_pb2.SessionRecord(session=session, gateway=gateway, jid=jid, available=available)
        await made.create(record)
    return made


def frames(directory: Directory, *effects: Effect) -> list[tuple[str, bus_pb2.Frame]]:
    return list(Outputs(directory, user_shards=4, room_shards=2).frames(effects, User("a@x"), CAUSE, "tp"))


async def test_a_broadcast_is_one_frame_per_gateway(directory: Directory) -> None:
    made = frames(directory, Broadcast(b"<presence/>", "", "c@x/r", ["a@x", "b@x", "nobody@x"]))
    assert {subject: (list(frame.sessions), list(frame.tos)) for subject, frame in made} == {
        "natter.deliver.g1": (["a1", "b1"], ["a@x", "b@x"]),
        "natter.deliver.g2": (["a2"], ["a@x"]),
    }
    assert all((frame.traceparent, frame.accepted_us, frame.sequence) == ("tp", 42, 0) for _, frame in made)


async def test_a_large_broadcast_is_several_frames(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAME_SESSIONS_MAX", 1)
    made = frames(directory, Broadcast(b"<presence/>", "", "c@x/r", ["a@x", "b@x"]))
    assert sorted(session for _, frame in made for session in frame.sessions) == ["a1", "a2", "b1"]


async def test_own_sessions_by_id(directory: Directory) -> None:
    ((subject, frame),) = frames(directory, ToSessions(b"<iq to='a@x/3'/>", ("a3", "gone"), kind=bus_pb2.KIND_IQ))
    assert subject == "natter.deliver.g1"
    assert (list(frame.sessions), list(frame.tos)) == (["a3"], [])


async def test_a_push_is_written_to_each_full_jid(directory: Directory) -> None:
    made = frames(directory, Push("c@x", ("a1", "a2", "a3")))
    assert {subject: (list(frame.sessions), list(frame.tos)) for subject, frame in made} == {
        "natter.deliver.g1": (["a1", "a3"], ["a@x/1", "a@x/3"]),
        "natter.deliver.g2": (["a2"], ["a@x/2"]),
    }
    assert b"subscription='remove'" in made[0][1].stanza


@pytest.mark.parametrize(
    ("to", "sessions"), [("a@x", {"a1", "a2"}), ("a@x/3", {"a3"}), ("a@x/none", set()), ("c@x", set())]
)
async def test_an_address(directory: Directory, to: str, sessions: set[str]) -> None:
    made = frames(directory, Send(Via.SESSIONS, b"<presence to='?'/>", "", "c@x/r", to))
    assert {session for _, frame in made for session in frame.sessions} == sessions
    assert not any(frame.tos for _, frame in made)


async def test_shards(directory: Directory) -> None:
    (user, to_user), (room, to_room) = frames(
        directory,
        Send(Via.USER, b"<presence/>", "probe", "a@x/1", "b@x"),
        Send(Via.ROOM, b"<presence/>", "unavailable", "a@x/1", "r@conference.x/n", "a1"),
    )
    assert user == subjects.shard("user", shard_of("b@x", 4)) and to_user.session == ""
    assert room == subjects.shard("room", shard_of("r@conference.x", 2)) and to_room.session == "a1"
    assert (to_user.sender, to_user.to, to_user.type) == ("a@x/1", "b@x", "probe")
