"""Unavailable presence: RFC 6121 §4.5 and §4.6.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from natter.presence.model.effects import Broadcast, Send, ToSessions, Via
from natter.presence.model.events import Contact, ContactChanged
from natter.presence.model.roster import evolve
from natter.presence.model.subscription import State
from natter.presence.model.user import LoggedOut, Logout, SessionChanged, SessionEnded
from natter.proto.v1 import bus_pb2

Make = Callable[..., Any]
ANNE, BOB = "anne@natter.test", "bob@natter.test"


def friends(anne: Any) -> None:
    roster = evolve(anne.user.roster, ContactChanged(Contact(BOB, state=State.BOTH)), 1)
    anne.user = replace(anne.user, roster=roster)


def end(session: str = f"s:{ANNE}/r") -> bus_pb2.Frame:
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type="unavailable",
        sender=f"{ANNE}/r",
        session=session,
        ended=True,
        accepted_us=77,
        stanza=f"<presence from='{ANNE}/r' type='unavailable'/>".encode(),
    )


def test_leaving_is_heard_by_all_and_directed_targets(actor: Make) -> None:
    anne = actor("anne")
    friends(anne)
    for to in ("room@conference.natter.test/nick", "carol@natter.test/x", f"{BOB}/r"):
        anne.says("", to)
    decision = anne.says("unavailable", children="<status>bye</status>")
    broadcast, own, *directed = decision.effects
    assert isinstance(broadcast, Broadcast) and broadcast.to == [BOB]
    assert isinstance(own, ToSessions) and own.sessions == (f"s:{ANNE}/r",)
    # Bob has it from the broadcast.
    assert [(e.via, e.to, e.session) for e in directed if isinstance(e, Send)] == [
        (Via.ROOM, "room@conference.natter.test/nick", f"s:{ANNE}/r"),
        (Via.SESSIONS, "carol@natter.test/x", ""),
    ]
    assert all(b"bye" in e.stanza and b" to='" in e.stanza for e in directed if isinstance(e, Send))
    session = anne.user.sessions[f"{ANNE}/r"]
    assert not session.available and session.directed == () and session.interested
    assert anne.user.logout is not None and b"bye" in anne.user.logout.stanza


def test_a_session_that_ends(actor: Make) -> None:
    anne = actor("anne")
    friends(anne)
    decision = anne.take(end())
    assert decision.changes == (LoggedOut(Logout(77, end().stanza)), SessionEnded(f"{ANNE}/r"))
    own = next(e for e in decision.effects if isinstance(e, ToSessions))
    assert own.sessions == ()
    assert anne.take(end()).effects == ()


def test_the_last_word_of_a_replaced_session_is_not_heard(actor: Make) -> None:
    anne = actor("anne")
    assert anne.take(end("another")).changes == ()
    assert anne.user.available()


def test_only_the_last_session_logs_out(actor: Make) -> None:
    anne = actor("anne")
    anne.says(resource="phone")
    decision = anne.take(end())
    assert decision.changes == (SessionEnded(f"{ANNE}/r"),)


def test_directed_presence_without_broadcast_is_taken_back(actor: Make) -> None:
    anne = actor("anne", available=False, interested=False)
    friends(anne)
    anne.says("", f"{BOB}/r")
    decision = anne.take(end())
    (effect,) = decision.effects
    assert isinstance(effect, Send) and effect.to == f"{BOB}/r"
    assert decision.changes == (SessionEnded(f"{ANNE}/r"),)


def test_unavailable_twice_says_it_once(actor: Make) -> None:
    anne = actor("anne")
    friends(anne)
    anne.says("unavailable")
    again = anne.says("unavailable")
    assert (again.changes, again.effects) == ((), ())


def test_interest_survives_a_replaced_session_only_by_asking(actor: Make) -> None:
    anne = actor("anne")
    friends(anne)
    anne.user = replace(anne.user, sessions={j: replace(s, session="old") for j, s in anne.user.sessions.items()})
    decision = anne.gets_roster()
    assert isinstance(decision.effects[0], Broadcast) and decision.effects[0].type == "unavailable"
    assert isinstance(decision.changes[0], SessionChanged)
    session = anne.user.sessions[f"{ANNE}/r"]
    assert session.interested and not session.available
