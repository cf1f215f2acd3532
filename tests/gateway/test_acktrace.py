"""A sampled stanza's trace goes on until the client has acknowledged it, also across the end of the count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from natter.bus.directory import Session as Record
from natter.gateway import acktrace
from natter.gateway.session import TRACED_STANZAS_MAX, Managed, Session
from natter.gateway.unacked import Unacked
from natter.proto.v1 import bus_pb2
from natter.telemetry import trace
from natter.xmpp.xeps.stream_management import MASK


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The traceparents of the spans that were made."""
    made: list[str] = []
    monkeypatch.setattr(trace, "span", lambda name, **given: made.append(given["traceparent"]) or "")
    yield made


@pytest.fixture
def plain(session_of: Any) -> Session:
    made: Session = session_of(Record("a@x/r", "a@x", "r", "s1", "gateway-1", True, 0, 1, 1))
    return made


@pytest.fixture
def session(plain: Session) -> Session:
    made = plain
    made.managed = Managed("", 0)
    made.outbox = Unacked(1 << 20, 1000, 1000)
    return made


def give(session: Session, name: str = "") -> None:
    """A stanza; sampled where it has a name."""
    session.outbox.add(b"<message/>", bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE))
    if name:
        acktrace.written(session, name, 1)


def acknowledge(session: Session, h: int) -> None:
    assert session.managed is not None and isinstance(session.outbox, Unacked)
    assert session.outbox.acknowledge(h)
    acktrace.acknowledged(session, session.managed, h)


def test_it_ends_with_the_count_that_covers_it(session: Session, ended: list[str]) -> None:
    for name in ("", "two", "", "four"):
        give(session, name)
    acknowledge(session, 1)
    assert ended == []
    acknowledge(session, 3)
    assert ended == ["two"]
    acknowledge(session, 4)
    assert ended == ["two", "four"]


def test_the_count_begins_again_at_2_to_the_32(session: Session, ended: list[str]) -> None:
    assert isinstance(session.outbox, Unacked)
    session.outbox.acknowledged = MASK - 1
    for name in ("last", "zero", "one"):
        give(session, name)
    acknowledge(session, MASK)
    assert ended == ["last"]
    acknowledge(session, 1)
    assert ended == ["last", "zero", "one"]


def test_what_is_remembered_is_bounded(session: Session, ended: list[str]) -> None:
    count = TRACED_STANZAS_MAX + 5
    for number in range(count):
        give(session, f"n{number}")
    acknowledge(session, count)
    assert ended == [f"n{number}" for number in range(5, count)]


def test_nothing_without_stream_management(plain: Session) -> None:
    acktrace.written(plain, "x", 1)
    assert plain.managed is None
