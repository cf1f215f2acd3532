"""The user after events and changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from .events import RosterEvent
from .roster import evolve as evolve_roster
from .user import Change, LoggedOut, LogoutForgotten, SessionChanged, SessionEnded, User


def evolve(user: User, change: Change) -> User:
    """The user after one change of his sessions. Total."""
    match change:
        case SessionChanged(session=session):
            return replace(user, sessions={**user.sessions, session.jid: session})
        case SessionEnded(jid=jid):
            return replace(user, sessions={full: s for full, s in user.sessions.items() if full != jid})
        case LoggedOut(logout=logout):
            return replace(user, logout=logout)
        case LogoutForgotten():
            return replace(user, logout=None)
        case _:
            assert_never(change)


def fold(user: User, events: Iterable[RosterEvent], changes: Iterable[Change], version: int) -> User:
    """The user after a decision whose first event has `version`."""
    roster = user.roster
    for index, event in enumerate(events):
        roster = evolve_roster(roster, event, version + index)
    if roster is not user.roster:
        user = replace(user, roster=roster)
    for change in changes:
        user = evolve(user, change)
    return user
