"""Rates per room and user: off unless set, refilled with time, and never in the way of leaving."""

from __future__ import annotations

import pytest
from natter.muc import rates
from natter.muc.rates import Action, Rates, action_of
from natter.muc.settings import Settings
from natter.proto.v1 import bus_pb2
from natter.xmpp.traits import Trait

ROOM = "den@conference.localhost"
SECOND = 1_000_000


def test_a_bucket_empties_and_fills() -> None:
    made = Rates({Action.MESSAGE: 10})
    assert [made.allow("r", "u", Action.MESSAGE, 0) for _ in range(11)] == [True] * 10 + [False]
    assert made.allow("r", "u", Action.MESSAGE, SECOND)
    assert not made.allow("r", "u", Action.MESSAGE, SECOND)
    # Everybody, every room and every action for itself; what is not limited is not counted.
    assert made.allow("r", "v", Action.MESSAGE, SECOND)
    assert made.allow("s", "u", Action.MESSAGE, SECOND)
    assert all(made.allow("r", "u", Action.IQ, SECOND) for _ in range(1000))
    assert sum(made.allow("r", "u", Action.MESSAGE, 100 * SECOND) for _ in range(20)) == 10


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "BUCKETS_MAX", 2)
    made = Rates({Action.JOIN: 1})
    assert [made.allow(room, "u", Action.JOIN, 0) for room in "abca"] == [True] * 4


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        (bus_pb2.Frame(kind=1, type="groupchat"), Action.MESSAGE),
        (bus_pb2.Frame(kind=1, type="error"), None),
        (bus_pb2.Frame(kind=2), Action.PRESENCE),
        (bus_pb2.Frame(kind=2, traits=int(Trait.MUC_JOIN)), Action.JOIN),
        (bus_pb2.Frame(kind=2, type="unavailable"), None),
        (bus_pb2.Frame(kind=2, type="probe"), None),
        (bus_pb2.Frame(kind=3, type="set"), Action.IQ),
        (bus_pb2.Frame(kind=3, type="result"), None),
    ],
)
def test_what_is_counted(frame: bus_pb2.Frame, action: Action | None) -> None:
    assert action_of(frame) is action


async def test_who_talks_too_fast_is_told(hall) -> None:
    hall.office.rates = Rates({Action.MESSAGE: 3})
    guest = await hall.login("u@localhost/r")
    hall.join(guest, ROOM, "me")
    hall.submit(guest, ROOM)
    for number in range(5):
        hall.say(guest, ROOM, f"word {number}")
    await hall.settled()
    assert guest.bodies() == ["word 0", "word 1", "word 2"]
    assert guest.errors() == ["policy-violation"] * 2
    error = next(s for s in guest.got if s.get("type") == "error").find("{jabber:client}error")
    assert error.get("type") == "wait"
    hall.send(guest, f"<presence from='{guest.jid}' to='{ROOM}/me' type='unavailable'/>")
    await hall.settled()
    assert guest.gone() == ["me"]


async def test_strict_rates_hold_for_every_action_in_the_holder(hall) -> None:
    hall.office.rates = Rates(Settings(strict_rates=True).rates())
    owner, guest = await hall.login("o@localhost/r"), await hall.login("u@localhost/r")
    hall.join(owner, ROOM, "owner")
    hall.submit(owner, ROOM)
    hall.join(guest, ROOM, "me")
    await hall.settled()
    for number in range(12):
        hall.say(guest, ROOM, f"word {number}")
    # Another one has said nothing yet, and another room has its own count.
    hall.say(owner, ROOM, "mine")
    await hall.settled()
    assert owner.bodies() == [*(f"word {number}" for number in range(10)), "mine"]
    assert guest.errors() == ["policy-violation"] * 2
    for number in range(7):
        hall.send(guest, f"<presence from='{guest.jid}' to='{ROOM}/me'><status>{number}</status></presence>")
    await hall.settled()
    statuses = [s.findtext("{jabber:client}status") for s in owner.got if s.tag.endswith("presence")]
    assert [status for status in statuses if status] == [str(number) for number in range(5)]
    assert guest.errors() == ["policy-violation"] * 4
    for _ in range(11):
        hall.join(guest, ROOM, "me")
    await hall.settled()
    # One join was before.
    assert guest.errors() == ["policy-violation"] * 6
    ping = f"<iq from='{guest.jid}' id='p' to='{ROOM}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    for _ in range(21):
        hall.send(guest, ping)
    await hall.settled()
    assert guest.errors() == ["policy-violation"] * 7


async def test_what_comes_again_to_the_next_holder_is_not_too_much(hall) -> None:
    hall.office.rates = Rates({Action.MESSAGE: 4})
    guest = await hall.login("u@localhost/r")
    hall.join(guest, ROOM, "me")
    hall.submit(guest, ROOM)
    for number in range(6):
        hall.say(guest, ROOM, f"word {number}")
    other = await hall.login("v@localhost/r")
    hall.join(other, ROOM, "other")
    await hall.settled()
    # The next holder counts anew, and sees all of it again: what was said is said, what was refused stays refused.
    hall.office.rates = Rates({Action.MESSAGE: 2})
    await hall.kill()
    hall.note = ""
    await hall.open(0)
    hall.say(guest, ROOM, "and more")
    await hall.settled()
    assert guest.bodies() == [*(f"word {number}" for number in range(4)), "and more"]
