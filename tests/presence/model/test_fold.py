"""The user after events and changes."""

from __future__ import annotations

from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.fold import fold
from natter.presence.model.user import LoggedOut, Logout, Session, SessionChanged, SessionEnded, User

ANNE = User("anne@x")
HOME = Session("anne@x/home", "s1", b"<presence/>")


def test_sessions_come_and_go() -> None:
    there = fold(ANNE, (), (SessionChanged(HOME),), 0)
    assert there.sessions == {"anne@x/home": HOME}
    gone = fold(there, (), (SessionEnded("anne@x/home"), LoggedOut(Logout(5))), 0)
    assert gone.sessions == {}
    assert gone.logout == Logout(5)
    assert fold(gone, (), (SessionEnded("anne@x/home"),), 0) == gone


def test_events_get_rising_versions() -> None:
    user = fold(ANNE, (ContactChanged(Contact("b@x")), ContactChanged(Contact("c@x"))), (), 100)
    assert user.roster.changed_at == {"b@x": 100, "c@x": 101}


def test_nothing_changes_nothing() -> None:
    assert fold(ANNE, (), (), 7) is ANNE
