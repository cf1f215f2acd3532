"""Presence for many: the first at once, what follows it together, and always in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from natter.bus.directory import Session as Record
from natter.gateway.crowd import CROWD_SESSIONS_MIN, WAIT_SECONDS_MAX, Crowd
from natter.gateway.session import Session


class Clock:
    """Time that a test moves, and what is to happen in it."""

    def __init__(self) -> None:
        self.time = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def call_later(self, seconds: float, work: Callable[[], None]) -> None:
        self.due.append((self.time + seconds, work))

    def go(self, seconds: float) -> None:
        self.time += seconds
        due, self.due = self.due, []
        for at, work in due:
            if at <= self.time + 1e-9:
                work()
            else:
                self.due.append((at, work))


@pytest.fixture
def sessions(session_of: Callable[..., Session]) -> list[Session]:
    return [
        session_of(Record(f"{n}@x/r", f"{n}@x", "r", f"s{n}", "g", True, 0, 1, 1)) for n in range(CROWD_SESSIONS_MIN)
    ]


class Rig:
    """A crowd, and who was woken in which order."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.woken: list[str] = []
        self.crowd = Crowd(self.clock.now, self.clock.call_later, self.wake)

    def wake(self, session: Session) -> None:
        session.awake = True
        self.woken.append(session.id)

    def say(self, sessions: list[Session], stanza: bytes) -> None:
        wake = self.crowd.waker()
        for session in sessions:
            if not session.awake:
                wake(session)
            session.outbox.parts.append(stanza)

    def written(self, sessions: list[Session]) -> None:
        for session in sessions:
            session.awake = False
            session.outbox.parts.clear()
        self.woken.clear()


def names(sessions: list[Session]) -> list[str]:
    return [session.id for session in sessions]


async def test_a_single_one_is_written_at_once(sessions: list[Session]) -> None:
    rig = Rig()
    for _ in range(3):
        rig.say(sessions, b"<presence/>")
        assert rig.woken == names(sessions)
        rig.written(sessions)
        rig.clock.go(WAIT_SECONDS_MAX)
    assert not rig.clock.due


async def test_what_follows_is_written_together(sessions: list[Session]) -> None:
    rig = Rig()
    rig.say(sessions, b"1")
    rig.written(sessions)
    for stanza in (b"2", b"3", b"4"):
        rig.clock.go(WAIT_SECONDS_MAX / 4)
        rig.say(sessions, stanza)
        assert not rig.woken
    assert len(rig.clock.due) == 1
    rig.clock.go(WAIT_SECONDS_MAX / 4)
    assert rig.woken == names(sessions)
    assert [session.outbox.parts for session in sessions] == [[b"2", b"3", b"4"]] * len(sessions)
    # And so on, no longer than that each time.
    rig.written(sessions)
    rig.say(sessions, b"5")
    assert not rig.woken
    rig.clock.go(WAIT_SECONDS_MAX)
    assert rig.woken == names(sessions)


async def test_who_was_written_to_meanwhile_is_left_alone(sessions: list[Session]) -> None:
    rig = Rig()
    rig.say(sessions, b"1")
    rig.written(sessions)
    rig.say(sessions, b"2")
    # A message took it along; another one is on its way this very tick.
    sessions[0].outbox.parts.clear()
    sessions[1].awake = True
    rig.clock.go(WAIT_SECONDS_MAX)
    assert rig.woken == names(sessions[2:])


async def test_nobody_waits_when_the_position_is_saved(sessions: list[Session]) -> None:
    rig = Rig()
    rig.say(sessions, b"1")
    rig.written(sessions)
    rig.say(sessions, b"2")
    rig.crowd.write()
    assert rig.woken == names(sessions)
    rig.written(sessions)
    rig.clock.go(WAIT_SECONDS_MAX)
    rig.crowd.write()
    assert not rig.woken


async def test_nobody_there(sessions: list[Session]) -> None:
    rig = Rig()
    rig.crowd.waker()
    later: Any = rig.crowd.waker()
    assert later != rig.wake
    assert not rig.clock.due
