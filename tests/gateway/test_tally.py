"""What is counted of a stanza."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from natter.bus.directory import Session as Record
from natter.bus.facts import FactsWriter
from natter.bus.memory import MemoryBus
from natter.gateway.session import Session
from natter.gateway.tally import Tally
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import STANZA_LATENCY, STANZAS_PROCESSED

CANARY = "canary-in-the-body"


@pytest.fixture
def session(session_of: Callable[..., Session]) -> Session:
    return session_of(Record("a@x/r", "a@x", "r", "s1", "g", False, 0, 0, 1))


def frame(**fields: object) -> bus_pb2.Frame:
    values: dict[str, object] = {
        "kind": bus_pb2.KIND_MESSAGE,
        "type": "chat",
        "sender": "a@x/r",
        "to": "b@x",
        "stanza": CANARY.encode(),
        "accepted_us": 1_000_000,
        **fields,
    }
    return bus_pb2.Frame(**values)  # type: ignore[arg-type]


async def test_one_stanza_in(memory: MemoryBus, session: Session) -> None:
    facts = FactsWriter(memory, "test")
    before = STANZAS_PROCESSED.values.get(("message", "in"), 0)
    assert Tally(facts, 0.0).accepted(frame(), session, 99, "") == ""
    assert STANZAS_PROCESSED.values["message", "in"] == before + 1
    assert facts._rows == [(1_000_000, 1, "chat", 0, "accepted", "tcp", "a@x/r", "b@x", 99, 0, "")]
    assert CANARY not in str(facts._rows)


async def test_more_traces_than_allowed_make_the_share_smaller(memory: MemoryBus, session: Session) -> None:
    tally = Tally(FactsWriter(memory, "test"), 0.5, traces_per_second_max=20.0)

    def begun(stanzas: int) -> int:
        return sum(bool(tally.sampled(session, number / stanzas)) for number in range(stanzas))

    assert begun(200) == 100
    tally.look(1.0)
    assert begun(200) == pytest.approx(20, abs=1)
    tally.look(2.0)
    # Half of what was allowed: the share may be twice as large.
    assert begun(200) == pytest.approx(40, abs=2)
    # In quieter times it grows back, and no further.
    for _ in range(10):
        tally.look(1.0)
    assert tally.sample_ratio == 0.5
    everything = Tally(FactsWriter(memory, "test"), 1.0, traces_per_second_max=20.0)
    assert all(everything.sampled(session, 0.99) for _ in range(100))
    everything.look(1.0)
    assert everything.sample_ratio == 1.0


async def test_one_frame_out_to_two_sessions(memory: MemoryBus) -> None:
    facts = FactsWriter(memory, "test")
    before = STANZAS_PROCESSED.values.get(("message", "out"), 0)
    tally = Tally(facts, 0.0)
    tally.broadcast(frame(), ["b@x/1", "b@x/2"], 99, 1_002_500)
    tally.written([0, 2, 0, 0])
    assert STANZAS_PROCESSED.values["message", "out"] == before + 2
    assert [(row[7], row[9]) for row in facts._rows] == [("b@x/1", 2500)]
    assert facts._broadcasts == [(0, ["b@x/2"])]
    assert ("message",) in STANZA_LATENCY.counts


async def test_a_clock_that_was_set_back(memory: MemoryBus) -> None:
    facts = FactsWriter(memory, "test")
    tally = Tally(facts, 0.0)
    tally.delivered(frame(), "b@x/1", 99, 999_999)
    tally.written([0, 1, 0, 0])
    assert facts._rows[0][9] == 0


async def test_all_or_nothing_is_sampled(memory: MemoryBus, session: Session) -> None:
    facts = FactsWriter(memory, "test")
    assert Tally(facts, 0.0).sampled(session, 0.0) == ""
    assert session.traceparent == ""
    traceparent = Tally(facts, 1.0).sampled(session, 0.5)
    assert traceparent.startswith("00-")
    # The connection gets a trace of its own, to which its stanzas are linked.
    assert session.traceparent.startswith("00-")
    assert session.traceparent != traceparent
    Tally(facts, 1.0).accepted(frame(), session, 1, traceparent)
    assert facts._rows[0][10] == traceparent[3:35]


async def test_a_delivery_that_was_none_is_a_row(memory: MemoryBus) -> None:
    facts = FactsWriter(memory, "test")
    Tally(facts, 0.0).undelivered(frame(), "returned")
    [row] = facts._rows
    assert row[1:9] == (1, "chat", 1, "returned", "", "a@x/r", "b@x", len(CANARY))
