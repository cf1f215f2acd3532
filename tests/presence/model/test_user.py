"""Questions a user answers."""

from __future__ import annotations

from natter.presence.model.user import Session, User


def test_available_and_interested_are_two_things() -> None:
    silent = Session("a@x/1", "s1", interested=True)
    away = Session("a@x/2", "s2", b"<presence/>", priority=-1)
    user = User("a@x", sessions={silent.jid: silent, away.jid: away})
    assert user.available() == [away]
    assert user.interested() == [silent]
    assert away.available and not silent.available
