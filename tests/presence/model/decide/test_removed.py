"""A removed account: everybody is told, nothing is left, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from natter.bus.removal import ACCOUNT_REMOVED, removal_frame
from natter.presence.model.decide.removed import REMOVED, TOLD
from natter.presence.model.effects import NOTHING, Broadcast, Send, Via
from natter.presence.model.events import Contact, ContactChanged, RosterForgotten
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import State
from natter.presence.model.user import Logout, LogoutForgotten, SessionEnded
from natter.proto.v1 import bus_pb2

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"
TIME_US = 1_700_000_000_000_009


def put(anne: Any, jid: str, state: State, *, listed: bool = True) -> None:
    contact = Contact(jid, state=state, listed=listed, request=b"<presence/>" if state.pending_in else b"")
    anne.user = replace(anne.user, roster=evolve(anne.user.roster, ContactChanged(contact), 1))


def removal(number: int = 50) -> bus_pb2.Frame:
    return removal_frame(ANNE, number, TIME_US)


def told(number: int = 50) -> bus_pb2.Frame:
    return bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, type=TOLD, to=ANNE, sequence=number)


def sent(actor: Any) -> list[tuple[str, str]]:
    found = [(frame.to, frame.type) for frame in actor.sent]
    actor.sent.clear()
    return found


def test_the_two_services_mean_the_same() -> None:
    assert REMOVED == ACCOUNT_REMOVED


def test_every_contact_is_told_what_ends(actor: Make) -> None:
    anne = actor("anne")
    states = {
        "to": State.TO,
        "from": State.FROM,
        "both": State.BOTH,
        "asked": State.NONE_OUT,
        "fo": State.FROM_OUT,
        "none": State.NONE,
    }
    for name, state in states.items():
        put(anne, f"{name}@natter.test", state)
    put(anne, "asks@natter.test", State.NONE_IN, listed=False)
    put(anne, "far@elsewhere.test", State.BOTH)
    decision = anne.take(removal())
    assert sent(anne) == [
        ("to@natter.test", "unsubscribe"),
        ("both@natter.test", "unsubscribe"),
        ("asked@natter.test", "unsubscribe"),
        ("fo@natter.test", "unsubscribe"),
        ("from@natter.test", "unsubscribed"),
        ("both@natter.test", "unsubscribed"),
        ("fo@natter.test", "unsubscribed"),
        ("asks@natter.test", "unsubscribed"),
    ]
    [event] = decision.events
    assert isinstance(event, RosterForgotten) and (event.removal, event.time_us) == (50, TIME_US)
    assert not anne.user.roster.contacts
    assert anne.user.roster.version > 1


def test_sessions_leave_and_no_logout_stays(actor: Make) -> None:
    anne = actor("anne")
    anne.user = replace(anne.user, logout=Logout(3))
    put(anne, BOB, State.FROM)
    anne.says("", "room@conference.natter.test/anne")
    decision = anne.take(removal())
    assert decision.changes == (LogoutForgotten(), SessionEnded(f"{ANNE}/r"))
    broadcasts = [e for e in decision.effects if isinstance(e, Broadcast)]
    assert [(b.type, b.sender, list(b.to)) for b in broadcasts] == [("unavailable", f"{ANNE}/r", [BOB])]
    rooms = [e for e in decision.effects if isinstance(e, Send) and e.via is Via.ROOM]
    assert [(e.to, e.type) for e in rooms] == [("room@conference.natter.test/anne", "unavailable")]
    assert anne.user.sessions == {} and anne.user.logout is None


def test_a_user_without_a_roster_has_it_noted_all_the_same(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    assert len(anne.take(removal()).events) == 1
    assert anne.take(removal()) == NOTHING


def test_the_next_users_roster_stays_when_it_is_said_again(actor: Make) -> None:
    anne = actor("anne")
    put(anne, BOB, State.BOTH)
    anne.take(removal(50))
    sent(anne)
    anne.gets_roster()
    anne.sets("<item jid='carol@natter.test'/>")
    for number in (50, 49):
        assert anne.take(removal(number)) == NOTHING
    assert anne.roster() == {"carol@natter.test": "none"}
    # The names are taken back; what is there stays.
    anne.take(told(50))
    assert anne.roster() == {"carol@natter.test": "none"}
    anne.take(removal(60))
    assert anne.roster() == {}


def test_worked_on_again_it_tells_again(actor: Make) -> None:
    anne = actor("anne")
    put(anne, BOB, State.BOTH)
    put(anne, "carol@natter.test", State.TO)
    user = anne.user
    anne.take(removal())
    first = sent(anne)
    # Killed before the sessions' records were written; the next user of the name knows carol already.
    anne.user = replace(anne.user, sessions=user.sessions)
    put(anne, "carol@natter.test", State.NONE_OUT)
    decision = anne.take(removal(), applied=True)
    assert decision.events == ()
    assert sent(anne) == [(jid, type) for jid, type in first if jid == BOB]
    assert [e.to for e in decision.effects if isinstance(e, Broadcast)] == [(BOB,)]


def test_names_are_forgotten_when_all_is_told(actor: Make) -> None:
    anne = actor("anne")
    put(anne, BOB, State.BOTH)
    anne.take(removal())
    assert anne.user.roster.forgotten.unsubscribe == (BOB,)
    assert anne.take(told(49)) == NOTHING
    assert anne.take(told()).events == (RosterForgotten(50, TIME_US),)
    assert anne.user.roster.forgotten == RosterForgotten(50, TIME_US)
    assert anne.take(told()) == NOTHING
    assert not anne.take(removal(), applied=True).effects


def test_a_session_cannot_say_it(actor: Make) -> None:
    anne = actor("anne")
    put(anne, BOB, State.BOTH)
    for type in (REMOVED, TOLD):
        frame = removal()
        frame.type, frame.session, frame.sender = type, f"s:{ANNE}/r", f"{ANNE}/r"
        assert anne.take(frame).events == ()
    assert BOB in anne.user.roster.contacts


def test_contacts_see_it_in_their_rosters(actor: Make) -> None:
    anne, bob = actor("anne"), actor("bob")
    put(anne, BOB, State.BOTH)
    bob.user = replace(bob.user, roster=evolve(bob.user.roster, ContactChanged(Contact(ANNE, state=State.BOTH)), 1))
    anne.take(removal())
    while anne.sent:
        bob.take(anne.sent.popleft())
    assert bob.roster() == {ANNE: "none"}
