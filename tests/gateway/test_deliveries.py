"""From the delivery log to outboxes."""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from natter.bus.api import Entry
from natter.bus.directory import Session as Record
from natter.bus.facts import FactsWriter
from natter.bus.memory import MemoryBus
from natter.gateway import deliveries as module
from natter.gateway.crowd import CROWD_SESSIONS_MIN, Crowd
from natter.gateway.deliveries import Deliveries
from natter.gateway.returns import Returns
from natter.gateway.session import Session
from natter.gateway.tally import Tally
from natter.gateway.unacked import Unacked
from natter.proto.v1 import bus_pb2
from natter.telemetry import names
from natter.telemetry.names import STANZAS_PROCESSED
from natter.xmpp.xeps.stream_management import ASK

Make = Callable[..., Session]


class Rig:
    """Deliveries with everything round them played by the test."""

    def __init__(self, bus: MemoryBus, make: Make) -> None:
        self.make = make
        self.back: list[bus_pb2.Frame] = []
        self.woken: list[Session] = []
        self.sessions: dict[str, Session] = {}
        returns = Returns(self.back.append, lambda _, callback: callback(), lambda: False, 100)
        self.deliveries = Deliveries(self.sessions, returns, Tally(FactsWriter(bus, "test"), 0.0), self.wake)

    def wake(self, session: Session) -> None:
        session.awake = True
        self.woken.append(session)

    def session(self, name: str, **limits: int) -> Session:
        record = Record(f"{name}@x/r", f"{name}@x", "r", name, "g", True, 0, 0, 1)
        session = self.sessions[name] = self.make(record, **limits)
        return session

    def deliver(self, *frames: bus_pb2.Frame, source: str = "lane.0") -> None:
        payload = bus_pb2.Envelope(source=source, frames=frames).SerializeToString()
        self.deliveries.take(Entry("natter.deliver.g", 1, payload))


@pytest.fixture
async def rig(memory: MemoryBus, session_of: Make) -> Rig:
    return Rig(memory, session_of)


def message(body: str, *sessions: str, **fields: Any) -> bus_pb2.Frame:
    stanza = f"<message from='a@x/r' type='chat'><body>{body}</body></message>".encode()
    values: dict[str, Any] = {"kind": bus_pb2.KIND_MESSAGE, "type": "chat", "sender": "a@x/r", **fields}
    return bus_pb2.Frame(stanza=stanza, sessions=sessions, **values)


def bodies(session: Session) -> list[str]:
    return [part.decode().partition("<body>")[2].partition("<")[0] for part in session.outbox.parts]


async def test_frames_reach_the_sessions_they_name_in_order(rig: Rig) -> None:
    alice, bob = rig.session("alice"), rig.session("bob")
    rig.deliver(message("1", "alice", "bob"), message("2", "bob"), message("3", "alice"))
    assert bodies(alice) == ["1", "3"]
    assert bodies(bob) == ["1", "2"]
    assert rig.woken == [alice, bob]


async def test_what_was_seen_is_skipped_per_source(rig: Rig) -> None:
    alice = rig.session("alice")
    rig.deliver(message("1", "alice", sequence=5, index=0), message("2", "alice", sequence=5, index=16))
    repeated = names.REPEATED.values.get((), 0)
    rig.deliver(message("1", "alice", sequence=5, index=0), message("2", "alice", sequence=5, index=16))
    rig.deliver(message("2", "alice", sequence=5, index=16), message("3", "alice", sequence=5, index=17))
    rig.deliver(message("4", "alice", sequence=6))
    rig.deliver(message("other", "alice", sequence=1), source="lane.1")
    rig.deliver(message("again", "alice"), message("again", "alice"))
    assert bodies(alice) == ["1", "2", "3", "4", "other", "again", "again"]
    assert names.REPEATED.values[()] - repeated == 3


def a_series(session: str, *texts: str, **fields: Any) -> bus_pb2.Frame:
    frame = message("", session, **fields)
    stanzas = [message(text).stanza for text in texts]
    frame.stanza = b"".join(stanzas)
    frame.sizes = array("I", map(len, stanzas)).tobytes()
    return frame


def words(session: Session) -> list[str]:
    return re.findall("<body>(.*?)</body>", b"".join(session.outbox.parts).decode())


async def test_a_series_is_written_at_once(rig: Rig) -> None:
    alice = rig.session("alice")
    counted = STANZAS_PROCESSED.values.get(("message", "out"), 0)
    first, behind = message("0", "alice", sequence=5), message("4", "alice", sequence=5, index=64)
    rig.deliver(first, a_series("alice", "1", "2", "3", sequence=5, index=16), behind)
    assert words(alice) == ["0", "1", "2", "3", "4"] and len(alice.outbox.parts) == 3
    assert rig.woken == [alice]
    assert STANZAS_PROCESSED.values["message", "out"] == counted + 5
    facts = rig.deliveries.tally.facts
    [(row, sizes)] = facts._alike
    assert list(sizes) == [len(message("x").stanza)] * 3
    assert {other[1:8] for other in facts._rows} == {row[1:8]} and len(facts._rows) == 2


async def test_a_series_without_a_time_has_no_latency(rig: Rig) -> None:
    rig.session("alice")
    frame = a_series("alice", "1", "2", sequence=5, index=16)
    frame.kind, frame.accepted_us = bus_pb2.KIND_PRESENCE, 0
    rig.deliver(frame)
    [(row, _)] = rig.deliveries.tally.facts._alike
    assert row[1] == bus_pb2.KIND_PRESENCE and row[9] == 0


@pytest.mark.parametrize("stalled", [False, True])
async def test_of_a_series_what_was_seen_is_skipped(rig: Rig, stalled: bool) -> None:
    alice = rig.session("alice")
    if stalled:
        alice.outbox.stall()
    rig.deliver(message("1", "alice", sequence=5, index=16), message("2", "alice", sequence=5, index=32))
    again = a_series("alice", "1", "2", "3", sequence=5, index=16)
    rig.deliver(again)
    rig.deliver(again)
    rig.deliver(message("3", "alice", sequence=5, index=48), message("4", "alice", sequence=5, index=64))
    assert words(alice) == ["1", "2", "3", "4"]


async def test_a_series_for_a_session_that_has_left_goes_back_as_its_messages(rig: Rig) -> None:
    rig.deliver(a_series("gone", "1", "2", sequence=5, index=16))
    assert [(frame.stanza, frame.returned, frame.sizes) for frame in rig.back] == [
        (message(text).stanza, 1, b"") for text in "12"
    ]


async def test_places_count_the_messages_of_a_series(rig: Rig) -> None:
    alice = rig.session("alice")
    alice.outbox = Unacked(1 << 20, 100, 100, rig.deliveries.cursor)
    parts = a_series("alice", "1", "2", sequence=5, index=16), message("3", "alice", sequence=5, index=48)
    rig.deliver(message("0", "alice", sequence=5), *parts)
    assert [place & 0xFFFF for place in alice.outbox.places] == [0, 1, 2, 3]
    assert words(alice) == ["0", "1", "2", "3"]


async def test_a_series_stays_together_under_stream_management(rig: Rig) -> None:
    alice = rig.session("alice")
    alice.outbox = Unacked(1 << 20, 100, 2, rig.deliveries.cursor)
    rig.deliver(a_series("alice", "1", "2", "3", sequence=5, index=16))
    assert (alice.outbox.given, len(alice.outbox.queue)) == (3, 1)
    assert alice.outbox.take().endswith(b"<body>3</body></message>" + ASK)
    # While a session arrives from another gateway, what comes is sorted one by one.
    captured: list[bytes] = []
    alice.outbox.capture = lambda stanza, frame: captured.append(stanza)
    rig.deliver(a_series("alice", "4", "5", sequence=6))
    assert captured == [message("4").stanza, message("5").stanza]
    alice.outbox.capture, alice.outbox.stanzas_max = None, 4
    rig.deliver(a_series("alice", "6", "7", sequence=7))
    assert alice.link.ended == ["overflow"]  # type: ignore[attr-defined]


async def test_the_memory_of_sources_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOURCES_MAX", 3)
    for number in range(10):
        rig.deliver(message("x", sequence=1), source=f"room.{number}")
    assert list(rig.deliveries.marks) == ["room.7", "room.8", "room.9"]


@pytest.mark.parametrize("start", [b"<message from='r@c/n'>x</message>", b"<presence/>", b"<iq id='1'/>"])
async def test_a_broadcast_gets_the_recipients_address(rig: Rig, start: bytes) -> None:
    alice, bob = rig.session("alice"), rig.session("bob")
    frame = message("", "alice", "bob", tos=["alice@x/r", "o'bob@x"], type="groupchat")
    frame.stanza = start
    rig.deliver(frame, source="room.0")
    name = start[1:].split(b" ")[0].split(b"/")[0].split(b">")[0]
    rest = start[1 + len(name) :]
    assert alice.outbox.parts == [b"<" + name + b" to='alice@x/r'" + rest]
    assert bob.outbox.parts == [b"<" + name + b" to='o&apos;bob@x'" + rest]


async def test_presence_for_a_crowd_wakes_it_once(rig: Rig) -> None:
    timers: list[Callable[[], None]] = []
    rig.deliveries.crowd = Crowd(lambda: 7.0, lambda _, work: timers.append(work), rig.wake)
    names = [f"s{n}" for n in range(CROWD_SESSIONS_MIN)]
    everybody = [rig.session(name) for name in names]

    def arrive(kind: bus_pb2.Kind, *to: str) -> list[Session]:
        """A broadcast; who was woken by it, and is now written to."""
        stanza = b"<message/>" if kind == bus_pb2.KIND_MESSAGE else b"<presence/>"
        tos = [f"{name}@x/r" for name in to]
        frame = bus_pb2.Frame(kind=kind, stanza=stanza, sessions=to, tos=tos)
        rig.deliver(frame, source="room.0")
        woken = rig.woken[:]
        rig.woken.clear()
        for session in woken:
            session.awake = False
            session.outbox.take()
        return woken

    assert arrive(bus_pb2.KIND_PRESENCE, *names) == everybody
    assert arrive(bus_pb2.KIND_PRESENCE, *names) == []
    # Few recipients, and messages, never wait; they take along what does.
    assert arrive(bus_pb2.KIND_PRESENCE, *names[:2]) == everybody[:2]
    assert arrive(bus_pb2.KIND_MESSAGE, *names[1:3]) == everybody[1:3]
    assert [len(session.outbox.parts) for session in everybody] == [0, 0, 0] + [1] * (len(names) - 3)
    timers[0]()
    assert rig.woken == everybody[3:]


async def test_a_session_that_has_left_hands_its_messages_back(rig: Rig) -> None:
    rig.deliver(
        message("1", "gone"),
        message("2", "gone", tos=["gone@x/r"], type="groupchat"),
        bus_pb2.Frame(kind=bus_pb2.KIND_IQ, type="get", id="3", sessions=["gone"]),
        bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, sessions=["gone"]),
        source="room.0",
    )
    assert [(f.kind, f.returned, list(f.sessions)) for f in rig.back] == [
        (bus_pb2.KIND_MESSAGE, 1, ["gone"]),
        (bus_pb2.KIND_IQ, 1, ["gone"]),
    ]


async def test_not_when_another_session_got_it(rig: Rig) -> None:
    rig.session("here")
    rig.deliver(message("1", "gone", "here"))
    assert rig.back == []


async def test_a_socket_that_does_not_read_ends_its_session(rig: Rig, link: Any) -> None:
    slow = rig.session("slow", stanzas_max=2)
    slow.outbox.stall()
    rig.deliver(*(message(str(n), "slow") for n in range(4)))
    assert link.ended[0] == "overflow"
    assert [f.stanza.count(b"<body>") for f in slow.outbox.unwritten()] == [1] * 4


async def test_numbers(rig: Rig) -> None:
    alice = rig.session("alice")
    before = STANZAS_PROCESSED.values.get(("message", "out"), 0)
    rig.deliver(message("1", "alice", accepted_us=time.time_ns() // 1000 - 2000))
    assert STANZAS_PROCESSED.values["message", "out"] == before + 1
    assert bodies(alice) == ["1"]
    [row] = rig.deliveries.tally.facts._rows
    assert row[2:5] == ("chat", 1, "delivered")
    assert row[9] >= 2000


async def test_what_archives_keep_is_remembered_by_lane(rig: Rig) -> None:
    alice, bob = rig.session("alice"), rig.session("bob")
    kept = {"stanza_id": "id"}
    rig.deliver(message("1", "alice", "bob", sequence=5, index=16, **kept), message("2", "alice", sequence=5, index=32))
    # Came back, and was kept before; has no cause, and waited in the archive.
    rig.deliver(message("3", "alice", sequence=6, returned=1, **kept), source="lane.1")
    rig.deliver(message("4", "alice", **kept), source="archive")
    rig.deliver(message("5", "alice", sequence=7, index=3, **kept), source="lane.2")
    assert alice.heard == {"lane.0": 5 << 32 | 16, "lane.2": 7 << 32 | 3}
    assert bob.heard == {"lane.0": 5 << 32 | 16}
