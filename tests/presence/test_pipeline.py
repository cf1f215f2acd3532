"""The order of the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from natter.presence.model.effects import Command
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
