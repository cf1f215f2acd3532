"""XEP-0280: what asking for carbons changes in the directory."""

from __future__ import annotations

from collections.abc import Callable

from natter.bus.directory import Session as Record
from natter.gateway.carbons import announcement
from natter.gateway.session import Announcement, Session
from natter.proto.v1.bus_pb2 import KIND_IQ, Frame

ENABLE = "{urn:xmpp:carbons:2}enable"
DISABLE = "{urn:xmpp:carbons:2}disable"


def ask(payload: str, to: str = "", type: str = "set") -> Frame:
    return Frame(kind=KIND_IQ, type=type, to=to, payload=payload)


def test_once_for_each_change(session_of: Callable[..., Session]) -> None:
    session = session_of(Record("a@b/c", "a@b", "c", "s", "g", True, 3, 0, 1))
    session.announced = Announcement(True, 3)
    assert announcement(session, ask(ENABLE)) == Announcement(True, 3, carbons=True)
    assert announcement(session, ask(ENABLE, "a@b")) is None
    assert announcement(session, ask(DISABLE)) == Announcement(True, 3)
    assert announcement(session, ask(DISABLE)) is None


def test_what_asks_for_nothing(session_of: Callable[..., Session]) -> None:
    session = session_of(Record("a@b/c", "a@b", "c", "s", "g", True, 0, 0, 1))
    assert announcement(session, ask(ENABLE, type="get")) is None
    assert announcement(session, ask(ENABLE, "other@b")) is None
    assert announcement(session, ask("{urn:xmpp:ping}ping")) is None
