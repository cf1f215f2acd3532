"""XEP-0191: contacts who are blocked see the user go, and those who are free again see him come."""

from __future__ import annotations

from natter.presence.model.decide import blocking
from natter.presence.model.effects import Broadcast, Command, Policy, Send
from natter.presence.model.events import Contact
from natter.presence.model.roster import Roster
from natter.presence.model.subscription import State
from natter.presence.model.user import Session, User

ME, BOB, CAROL = "me@example.com", "bob@example.com", "carol@other.example"
BOTH = next(state for state in State if state.to and state.from_)
FROM = next(state for state in State if state.from_ and not state.to)
POLICY = Policy("example.com", "conference.example.com")
HERE = Session(f"{ME}/x", "s", stanza=b"<presence/>")


def user(*sessions: Session) -> User:
    contacts = {BOB: Contact(BOB, state=BOTH), CAROL: Contact(CAROL, state=FROM)}
    return User(ME, Roster(contacts), {session.jid: session for session in sessions})


def changed(who: User, blocked: set[str] = frozenset(), freed: set[str] = frozenset()) -> list[object]:  # type: ignore[assignment]
    frame = blocking.frame_of(ME, frozenset(blocked), frozenset(freed))
    decision = blocking.changed(who, Command(frame, 0), POLICY)
    assert decision is not None and not decision.events and not decision.changes
    return list(decision.effects)


def test_a_blocked_contact_sees_the_user_go() -> None:
    (gone,) = changed(user(HERE), {BOB, "nobody@example.com"})
    assert isinstance(gone, Broadcast)
    assert (gone.type, list(gone.to), gone.blocked) == ("unavailable", [BOB], True)


def test_a_whole_domain() -> None:
    (gone,) = changed(user(HERE), {"other.example"})
    assert isinstance(gone, Broadcast) and list(gone.to) == [CAROL]


def test_a_contact_who_is_free_sees_him_come_and_is_asked() -> None:
    back, probe = changed(user(HERE), freed={BOB})
    assert isinstance(back, Broadcast) and (back.stanza, list(back.to)) == (HERE.stanza, [BOB])
    assert isinstance(probe, Send) and (probe.type, probe.to) == ("probe", BOB)


def test_who_is_not_there_or_not_seen_tells_nobody() -> None:
    assert changed(user(), {BOB}, {CAROL}) == []
    assert changed(user(HERE), {f"{BOB}/x"}) == []
