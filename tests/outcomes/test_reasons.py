"""No silent drop: every declared reason is driven by a message, and whoever asks where that is is told the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import get_args

import pytest
from natter.bus import subjects
from natter.gateway.tally import Tally
from natter.proto.v1.bus_pb2 import CONTROL_FENCE, KIND_IQ, Frame
from natter.router import pipeline
from natter.router.route.outcome import Drop, Reason
from natter.router.route.returned import COPIED
from natter.xmpp.traits import Trait
from routing import ALICE, BOB, Routing, until

Drive = Callable[[Routing], Awaitable[None]]
DRIVERS: dict[str, Drive] = {}
CHAT_STATE = int(Trait.CHAT_STATE)


@pytest.fixture
async def routing() -> AsyncIterator[Routing]:
    made = Routing()
    await made.start()
    await made.bind(f"{ALICE}/a")
    yield made
    await made.close()


def drives(reason: str) -> Callable[[Drive], Drive]:
    def register(drive: Drive) -> Drive:
        DRIVERS[reason] = drive
        return drive

    return register


@drives("blocked")
async def blocked(routing: Routing) -> None:
    routing.blocked.add((BOB, ALICE))
    await routing.bind(f"{BOB}/b")
    assert not await routing.route(routing.message("m1", f"{BOB}/b", "headline"))


@drives("error")
async def error(routing: Routing) -> None:
    assert not await routing.route(routing.message("m1", f"{BOB}/gone", "error"))


@drives("headline")
async def headline(routing: Routing) -> None:
    assert not await routing.route(routing.message("m1", BOB, "headline"))


@drives("passing")
async def passing(routing: Routing) -> None:
    typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    assert not await routing.route(routing.message("m1", BOB, inside=typing, traits=CHAT_STATE))


@drives("left")
async def left(routing: Routing) -> None:
    """One of two devices went before it could be written to; the other one has it."""
    first = await routing.bind(f"{BOB}/b", gateway="g1")
    await routing.bind(f"{BOB}/c", gateway="g2")
    said = routing.message("m1", BOB)
    assert len(await routing.route(said)) == 2
    back = Frame()
    back.CopyFrom(said)
    back.returned, back.traits = 1, said.traits | COPIED
    back.sessions.append(first.session)
    assert not await routing.route(back)


@drives("fenced")
async def fenced(routing: Routing) -> None:
    """What a gateway still says for a session that has moved to another one."""
    session = f"s-{ALICE}/a"
    await routing.route(Frame(control=CONTROL_FENCE, session=session, gateway="g1"), source="g2")
    assert not await routing.route(routing.message("m1", BOB), source="g1")


@drives("poison")
async def poison(routing: Routing) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("of this test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("natter.router.handlers.decide", fails)
        assert not await routing.route(routing.message("m1", BOB))


@drives("sender-left")
async def sender_left(routing: Routing) -> None:
    """It comes back, nobody else may have it, and who is to be told has gone as well."""
    bob, alice = await routing.bind(f"{BOB}/b"), routing.directory.get(f"{ALICE}/a")
    assert alice is not None
    said = routing.message("m1", f"{BOB}/b", "normal", traits=int(Trait.BODY | Trait.NO_STORE))
    assert len(await routing.route(said)) == 1
    for session in (bob, alice):
        await routing.directory.delete(session)
    await until(lambda: not routing.directory.sessions(BOB) and not routing.directory.sessions(ALICE))
    back = Frame()
    back.CopyFrom(said)
    back.returned = 1
    back.sessions.append(bob.session)
    assert not await routing.route(back)


@drives("unasked")
async def unasked(routing: Routing) -> None:
    """Of iqs only."""
    stanza = b"<iq type='result' id='m1'/>"
    asked = Frame(kind=KIND_IQ, type="result", sender=f"{ALICE}/a", to=f"{BOB}/gone", id="m1", stanza=stanza)
    assert not await routing.route(asked)


def test_every_declared_reason_is_driven() -> None:
    assert set(DRIVERS) == set(get_args(Reason))


def test_every_constant_has_a_declared_reason() -> None:
    from natter.router.route import outcome

    made = [one for value in vars(outcome).values() if isinstance(value, tuple) for one in value]
    assert {one.reason for one in made if isinstance(one, Drop)} <= set(get_args(Reason))


@pytest.mark.parametrize("reason", [reason for reason in DRIVERS if reason != "unasked"])
async def test_who_asks_is_told_the_reason(routing: Routing, reason: str) -> None:
    await DRIVERS[reason](routing)
    told = await routing.where("m1")
    if reason == "left":
        # The others have it.
        assert told.end == "delivered"
        assert [event.reason for event in told.events if event.what == "dropped"] == ["left"]
    else:
        assert (told.end, told.reason) == ("dropped", reason)


async def test_unasked_is_a_row(routing: Routing) -> None:
    await DRIVERS["unasked"](routing)
    await routing.facts.close()
    rows = await routing.bus.read(subjects.FACTS, "natter.facts.>")
    assert any(b"dropped:unasked" in row.payload for row in rows)


async def test_a_gateway_tells_of_what_the_session_was_not_there_for(routing: Routing) -> None:
    """What nobody waits for does not come back: groupchat, errors, carbons."""
    await routing.bind(f"{BOB}/b")
    [sent] = await routing.route(routing.message("m1", f"{BOB}/b", "error"))
    Tally(routing.facts, 0.0).undelivered(sent, "dropped:session-left")
    told = await routing.where("m1")
    assert (told.end, told.reason) == ("dropped", "session-left")


@pytest.mark.parametrize(
    ("to", "type", "condition"),
    [
        ("carl@remote.example", "chat", "remote-server-not-found"),
        ("localhost", "chat", "service-unavailable"),
        (BOB, "groupchat", "service-unavailable"),
        (f"{BOB}/gone", "normal", "service-unavailable"),
        (f"{BOB}/b", "chat", "not-acceptable"),
    ],
)
async def test_who_was_told_why(routing: Routing, to: str, type: str, condition: str) -> None:
    if condition == "not-acceptable":
        routing.blocked.add((ALICE, BOB))
    await routing.route(routing.message("m1", to, type))
    told = await routing.where("m1")
    assert (told.end, told.reason) == ("bounced", condition)


async def test_too_many_returns_end_where_they_would_without_a_session(routing: Routing) -> None:
    bob = await routing.bind(f"{BOB}/b")
    back = routing.message("m1", f"{BOB}/b", returned=routing.hosts.returns_max + 1, traits=int(Trait.BODY))
    back.sessions.append("s-before")
    await routing.route(back)
    told = await routing.where("m1")
    # For the archive, which has not come to it yet.
    assert told.end == "pending" and bob.session
    assert [event.what for event in told.events] == ["accepted", "returned"]


def test_the_order_of_steps_ends_with_one_that_always_decides() -> None:
    assert all(steps[-1].__name__ in ("by_address", "by_type") for steps in pipeline.STEPS.values())
