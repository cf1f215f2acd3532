"""The facts of a session."""

from __future__ import annotations

from collections.abc import Callable

from natter.bus.directory import Session as Record
from natter.gateway.session import Announcement, Session


def test_a_session_knows_its_address_as_a_broadcast_needs_it(session_of: Callable[..., Session]) -> None:
    session = session_of(Record("alice@example/it's <me>", "alice@example", "it's <me>", "s", "g", False, 0, 0, 1))
    assert session.to_attribute == b" to='alice@example/it&apos;s &lt;me&gt;'"


def test_a_new_session_is_not_available(session_of: Callable[..., Session]) -> None:
    session = session_of(Record("a@b/c", "a@b", "c", "s", "g", False, 0, 0, 1))
    assert session.announced == Announcement(False, 0)
    assert (session.inbound, session.awake, session.over, len(session.held)) == (0, False, False, 0)
