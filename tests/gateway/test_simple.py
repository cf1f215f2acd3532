"""Many messages at once: the same frames, rows and counts as one by one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from natter.bus.facts import FactsWriter
from natter.bus.memory import MemoryBus
from natter.bus.series import expanded
from natter.gateway import simple
from natter.gateway.app import put_together
from natter.gateway.gateway import Gateway
from natter.gateway.ingest import accept
from natter.gateway.session import Managed, Session
from natter.gateway.settings import Settings
from natter.proto.v1 import bus_pb2
from natter.runtime.sections import Server
from natter.telemetry.names import STANZAS_PROCESSED
from natter.xmpp.stream.events import Series, Stanza
from natter.xmpp.stream.reader import Reader

STREAM = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
MESSAGES = (
    "<message to='bob@example/r' type='chat' id='1'><body>one</body></message>"
    "<message to='bob@example/r' xml:lang='de'><body>zwei &amp; mehr</body></message>"
    "<message to='Bob@EXAMPLE' id='3'><body>not normalised</body></message>"
    "<message to='carol@example' id='4'><body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
    "<message id='5'><body>to myself</body></message>"
)


ALIKE = "".join(f"<message to='bob@example/r' type='chat' id='s{n}'><body>{n}</body></message>" for n in range(4))


class Lane:
    """Keeps the frames, however they come; of a series those that it stands for."""

    def __init__(self) -> None:
        self.frames: list[bus_pb2.Frame] = []
        # How many messages each frame had.
        self.lengths: list[int] = []
        self.waiting: list[Any] = []

    def when_stored(self, callback: Any) -> None:
        self.waiting.append(callback)

    def add(self, frame: bus_pb2.Frame, stored: Any = None) -> None:
        self.frames.append(frame)

    def add_encoded(self, frames: list[bytes], stored: Any = None) -> None:
        for frame in map(bus_pb2.Frame.FromString, frames):
            ones = expanded(frame)
            self.lengths.append(len(ones))
            self.frames += ones


async def make(memory: MemoryBus, ratio: float) -> Gateway:
    server = Server(allow_plaintext=True)
    made = put_together(memory, Settings(), server, incarnation="gateway-1-aa", lanes=4, sample_ratio=ratio)
    await made.binding.directory.start()
    made.lane = made.binding.lane = Lane()  # type: ignore[assignment]
    return made


@pytest.fixture
async def gateway(memory: MemoryBus) -> AsyncIterator[Gateway]:
    made = await make(memory, 0.0)
    yield made
    made.verifier.close()


@pytest.fixture
async def session(gateway: Gateway, session_of: Any) -> Session:
    made: Session = session_of(await gateway.binding.bind("alice@example", "phone"))
    return made


def events_of(text: str) -> list[Any]:
    reader = Reader()
    reader.feed(STREAM)
    return list(reader.feed(text.encode()))


def stanzas(text: str) -> list[Stanza]:
    events = events_of(text)
    assert all(isinstance(event, Stanza) for event in events)
    return events


async def test_the_same_as_one_by_one(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    events = stanzas(MESSAGES)
    counted = STANZAS_PROCESSED.values.get(("message", "in"), 0)
    assert simple.take(gateway, session, events, 5) == len(events)
    at_once, lane.frames = lane.frames, []
    rows = gateway.tally.facts._rows[:]
    del gateway.tally.facts._rows[:]
    session.inbound = 0
    for event in events:
        accept(gateway, session, event, 5)
    for frame in at_once:
        frame.ClearField("plain")
    assert at_once == lane.frames and len(at_once) == 5
    assert rows == gateway.tally.facts._rows
    assert STANZAS_PROCESSED.values["message", "in"] == counted + 10


async def test_what_is_not_simple_is_left_and_all_behind_it(gateway: Gateway, session: Session) -> None:
    events = stanzas(MESSAGES + "<presence/>" + MESSAGES)
    assert simple.take(gateway, session, events, 5) == 5
    assert session.inbound == 5
    assert simple.take(gateway, session, events[:6] + events[:5], 5, 6) == 11
    assert session.inbound == 10


async def test_nothing_passes_a_presence_that_waits(gateway: Gateway, session: Session) -> None:
    [presence, *rest] = stanzas("<presence/>" + MESSAGES)
    assert not accept(gateway, session, presence, 5)
    assert simple.take(gateway, session, rest, 5) == 0
    assert session.announcing is not None
    await session.announcing


async def test_a_wrong_address_is_answered_in_its_place(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    events = stanzas(MESSAGES.replace("carol@example", "@@"))
    assert simple.take(gateway, session, events, 5) == len(events)
    assert [frame.inbound for frame in lane.frames] == [1, 2, 3, 5]
    assert b"jid-malformed" in session.outbox.parts[0]


async def test_sampled_stanzas_have_a_trace(memory: MemoryBus, session_of: Any) -> None:
    gateway = await make(memory, 1.0)
    session = session_of(await gateway.binding.bind("alice@example", "phone"))
    lane: Any = gateway.lane
    assert simple.take(gateway, session, stanzas(MESSAGES), 5) == 5
    assert [frame.inbound for frame in lane.frames] == [1, 2, 3, 4, 5]
    assert all(frame.traceparent and not frame.plain for frame in lane.frames)
    gateway.verifier.close()


async def test_routes_are_bounded(gateway: Gateway, session: Session) -> None:
    for n in range(simple.ROUTES_MAX + 10):
        simple.take(gateway, session, stanzas(f"<message to='u{n}@example'><body>x</body></message>"), 5)
    assert len(session.routes) <= simple.ROUTES_MAX


async def test_an_empty_language_is_one(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    simple.take(gateway, session, stanzas("<message to='b@example' xml:lang=''><body>x</body></message>"), 5)
    assert lane.frames[0].stanza.startswith(b"<message from='alice@example/phone' to='b@example' xml:lang=''>")


def rows_of(facts: FactsWriter) -> list[Any]:
    """All rows, those of series one by one."""
    alike = [(*row[:8], size, *row[9:]) for row, sizes in facts._alike for size in sizes]
    return sorted(facts._rows + alike)


async def one_by_one(gateway: Gateway, session: Session, events: list[Any]) -> tuple[list[bus_pb2.Frame], list[Any]]:
    """Frames and rows, as they are without any short cut."""
    lane: Any = gateway.lane
    lane.frames, gateway.tally.facts._rows, gateway.tally.facts._alike = [], [], []
    session.inbound = 0
    for event in events:
        simple.one_by_one(gateway, session, event, 5)
    return lane.frames, rows_of(gateway.tally.facts)


async def test_a_series_is_its_messages(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    events = events_of(MESSAGES + ALIKE + MESSAGES)
    assert any(isinstance(event, Series) for event in events)
    counted = STANZAS_PROCESSED.values.get(("message", "in"), 0)
    assert simple.take(gateway, session, events, 5) == len(events)
    assert STANZAS_PROCESSED.values["message", "in"] == counted + 14
    at_once, rows = lane.frames, rows_of(gateway.tally.facts)
    for frame in at_once:
        frame.ClearField("plain")
    assert (at_once, rows) == await one_by_one(gateway, session, events)
    assert session.inbound == 14


async def test_a_series_counts_modulo(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    session.inbound = (1 << 32) - 2
    simple.take(gateway, session, events_of(ALIKE), 5)
    assert [frame.inbound for frame in lane.frames] == [(1 << 32) - 1, 0, 1, 2] and session.inbound == 2


async def test_a_series_that_is_too_long_goes_in_parts(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    events = events_of(ALIKE.replace("</body>", "x" * 20_000 + "</body>"))
    assert isinstance(events[0], Series)
    simple.take(gateway, session, events, 5)
    assert [(frame.inbound, frame.id) for frame in lane.frames] == [(n + 1, f"s{n}") for n in range(4)]


async def test_sampled_messages_of_a_series_have_a_trace(
    memory: MemoryBus, session_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await make(memory, 0.5)
    session = session_of(await gateway.binding.bind("alice@example", "phone"))
    lane: Any = gateway.lane
    for dice in ([0.9, 0.1, 0.9, 0.2], [0.1, 0.9, 0.9, 0.9], [0.9, 0.9, 0.9, 0.1], [0.9, 0.9, 0.1, 0.1], [0.9] * 4):
        lane.frames, session.inbound = [], 0
        monkeypatch.setattr(simple, "random", iter(dice).__next__)
        assert simple.take(gateway, session, events_of(ALIKE), 5) == 1
        assert [bool(frame.traceparent) for frame in lane.frames] == [roll < 0.5 for roll in dice]
        assert [(frame.id, frame.inbound) for frame in lane.frames] == [(f"s{n}", n + 1) for n in range(4)]
    gateway.verifier.close()


R = "<r xmlns='urn:xmpp:sm:3'/>"


async def test_requests_are_answered_in_their_places_and_part_nothing(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    session.managed = Managed("", 0)
    one = "<message id='x' to='bob@example/r' type='chat'><body>attributes in another order</body></message>"
    events = events_of(R + ALIKE + R + ALIKE + R + one + "<message to='carol@example'><body>x</body></message>" + R)
    assert simple.take(gateway, session, events, 5) == len(events)
    assert lane.lengths == [9, 1]
    assert [frame.inbound for frame in lane.frames] == list(range(1, 11))
    for frame in lane.frames:
        frame.ClearField("plain")
    at_once, rows, waiting = lane.frames, rows_of(gateway.tally.facts), lane.waiting
    apart = [event for event in events if isinstance(event, Stanza | Series)]
    assert (at_once, rows) == await one_by_one(gateway, session, apart)
    # Nothing is said before it is stored.
    assert not session.outbox.parts
    for callback in waiting:
        callback()
    answers = b"".join(session.outbox.parts).decode()
    assert re.findall(r"<a xmlns='urn:xmpp:sm:3' h='(\d+)'/>", answers) == ["0", "4", "8", "10"]


async def test_requests_that_wait_are_bounded(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    session.managed = managed = Managed("", 0)
    for _ in range(3):
        assert simple.take(gateway, session, events_of(R * 200), 5) == 200
    # Who asks for more while so much waits gets one answer for all of that.
    assert simple.take(gateway, session, events_of(ALIKE + R), 5) == 2
    assert len(lane.waiting) == 2
    assert (managed.asked, managed.owed) == (400, True)
    while lane.waiting:
        lane.waiting.pop(0)()
    answers = re.findall(r"h='(\d+)'", b"".join(session.outbox.parts).decode())
    assert answers == ["0"] * 400 + ["4"]
    assert (managed.asked, managed.owed) == (0, False)


async def test_without_stream_management_a_request_is_left(gateway: Gateway, session: Session) -> None:
    assert simple.take(gateway, session, events_of(ALIKE + R + ALIKE), 5) == 1


async def test_a_series_that_goes_on_is_bounded(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    session.managed = Managed("", 0)
    assert simple.take(gateway, session, events_of((ALIKE + R) * 20), 5) == 40
    assert lane.lengths == [64, 16]
    # One is too long already, what follows it begins anew.
    lane.lengths.clear()
    long = "".join(f"<message to='bob@example/r' type='chat'><body>{'x' * 40_000}</body></message>" for _ in range(2))
    assert simple.take(gateway, session, events_of(ALIKE + R + long + R + ALIKE), 5) == 5
    assert lane.lengths == [4, 1, 1, 4]
    assert [frame.inbound for frame in lane.frames] == list(range(1, 91))


async def test_a_series_to_a_wrong_address(gateway: Gateway, session: Session) -> None:
    lane: Any = gateway.lane
    assert simple.take(gateway, session, events_of(ALIKE.replace("bob@example/r", "@@")), 5) == 1
    assert not lane.frames and session.inbound == 4
    assert b"".join(session.outbox.parts).count(b"jid-malformed") == 4


@pytest.mark.parametrize("roll", [0.1, 0.9])
async def test_one_message_alone_is_the_same(
    memory: MemoryBus, session_of: Any, monkeypatch: pytest.MonkeyPatch, roll: float
) -> None:
    gateway = await make(memory, 0.5)
    session = session_of(await gateway.binding.bind("alice@example", "phone"))
    lane: Any = gateway.lane
    [event] = events_of("<message to='bob@example/r' type='chat' id='1'><body>x</body></message>")
    # The second time the route is known.
    for number in (1, 2):
        dice = iter([roll])
        monkeypatch.setattr(simple, "random", dice.__next__)
        assert simple.take(gateway, session, [event], 5) == 1
        assert next(dice, None) is None and session.inbound == number
    first, second = lane.frames
    assert bool(first.traceparent) is bool(second.traceparent) is (roll < 0.5)
    assert second.inbound == 2
    for frame in (first, second):
        frame.ClearField("inbound")
        frame.ClearField("traceparent")
    assert first == second
    one, two = gateway.tally.facts._rows
    assert one[:10] == two[:10]
    gateway.verifier.close()
