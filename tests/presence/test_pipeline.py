"""The order of the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from natter.presence.model.effects import NOTHING, Command, Decision
from natter.presence.model.fold import fold
from natter.presence.pipeline import FROM_SERVICE, FROM_SESSION, decide
from natter.proto.v1 import bus_pb2

Make = Callable[..., Any]
JID = "anne@natter.test/r"


def test_no_step_is_in_both_ways() -> None:
    assert not set(FROM_SESSION) & set(FROM_SERVICE)


def test_an_iq_nobody_knows_is_refused_and_a_result_is_not(actor: Make) -> None:
    anne = actor("anne")
    anne.asks("get", "<query xmlns='urn:none'/>")
    assert b"service-unavailable" in anne.heard[0]
    for type in ("result", "error"):
        assert anne.asks(type, "<query xmlns='urn:none'/>").effects == ()


def test_a_service_cannot_speak_as_a_session(actor: Make) -> None:
    anne = actor("anne")
    for type in ("", "unavailable", "error"):
        assert anne.hears("bob@natter.test", type).effects == ()


def test_an_error_presence_is_dropped(actor: Make) -> None:
    anne = actor("anne")
    assert anne.says("error", "bob@natter.test").effects == ()


def test_a_frame_of_no_kind_is_nothing(actor: Make) -> None:
    anne = actor("anne")
    frame = bus_pb2.Frame(session="s", sender=JID)
    assert decide(anne.user, Command(frame, 0), anne.policy).effects == ()


def said(sequence: int, status: str, type: str = "") -> bus_pb2.Frame:
    stanza = f"<presence from='{JID}'><status>{status}</status></presence>".encode()
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type=type,
        sender=JID,
        session="s",
        stanza=stanza,
        sequence=sequence,
        accepted_us=1000 + sequence,
    )


def test_older_presence_that_a_router_repeats_does_not_come_back(actor: Make) -> None:
    anne = actor("anne", available=False)

    def take(frame: bus_pb2.Frame) -> Decision:
        decision = decide(anne.user, Command(frame, 0), anne.policy)
        anne.user = fold(anne.user, decision.events, decision.changes, 0)
        return decision

    assert take(said(7, "first")).effects
    assert take(said(9, "second")).effects
    assert take(said(7, "first")) == take(said(8, "", "unavailable")) == NOTHING
    assert b"second" in anne.user.sessions[JID].stanza
    # A holder that took over says again what it is not sure of.
    assert take(said(9, "second")).effects
    # The lane was lost, and begins again.
    anew = said(1, "third")
    anew.accepted_us = 2000
    assert take(anew).effects
    # A service's own word has no place in the lanes.
    assert take(said(0, "", "unavailable")).effects
