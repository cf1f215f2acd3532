"""What the server itself says to a contact."""

from __future__ import annotations

from natter.presence.model.decide.contacts import hide, tell
from natter.presence.model.effects import Via
from natter.presence.model.user import Session, User


def test_tell() -> None:
    sent = tell("a@x", "b@x", "unsubscribed")
    assert (sent.via, sent.type) == (Via.USER, "unsubscribed")
    assert sent.stanza == b"<presence to='b@x' from='a@x' type='unsubscribed'/>"


def test_hide_says_it_for_each_available_session() -> None:
    sessions = {jid: Session(jid, jid, stanza) for jid, stanza in (("a@x/1", b"<presence/>"), ("a@x/2", b""))}
    (only,) = hide(User("a@x", sessions=sessions), "b@x")
    assert (only.sender, only.type, tuple(only.to)) == ("a@x/1", "unavailable", ("b@x",))
