"""Answers to the session that asked."""

from __future__ import annotations

from natter.presence.model.decide.reply import Refused, error, refusal, result
from natter.proto.v1 import bus_pb2

FRAME = bus_pb2.Frame(
    kind=bus_pb2.KIND_IQ,
    type="set",
    id="i1",
    sender="a@x/r",
    session="s1",
    stanza=b"<iq type='set' id='i1' from='a@x/r'><query xmlns='jabber:iq:roster'/></iq>",
)


def test_result_goes_to_the_asker_only() -> None:
    answer = result(FRAME, b"<x/>")
    assert answer.sessions == ("s1",) and answer.type == "result" and answer.id == "i1"
    assert answer.stanza == b"<iq type='result' id='i1' to='a@x/r'><x/></iq>"


def test_error_says_why() -> None:
    answer = error(FRAME, "forbidden")
    assert b"type='error'" in answer.stanza and b"<forbidden" in answer.stanza
    assert b"jabber:iq:roster" not in answer.stanza


def test_a_refusal_at_a_limit_is_counted() -> None:
    assert refusal(FRAME, Refused("resource-constraint")).limit == "roster"
    assert refusal(FRAME, Refused("bad-request", "why")).limit == ""
