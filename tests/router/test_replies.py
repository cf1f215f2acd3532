"""Errors and answers as frames and as XML."""

from __future__ import annotations

from typing import Any

import pytest
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE
from natter.router import replies
from natter.router.pipeline import ANSWERS
from natter.router.question import Server
from natter.xmpp.element import parse

SERVER = Server("example.com", "conference.example.com", "1", 0, features=("urn:a",))


def test_a_message_bounces_as_from_whom_it_was_for(frames: Any) -> None:
    frame = frames("message", "bob@example.com", "chat", inside="<body>canary</body>", id="m'1")
    reply = replies.error(frame, "service-unavailable")
    assert (reply.kind, reply.type, reply.sender, reply.to) == (
        KIND_MESSAGE,
        "error",
        "bob@example.com",
        "alice@example.com/phone",
    )
    stanza = parse(reply.stanza)
    assert (stanza.get("from"), stanza.get("to"), stanza.get("id"), stanza.get("type")) == (
        "bob@example.com",
        "alice@example.com/phone",
        "m'1",
        "error",
    )
    # RFC 6120 §8.3.1: the sender knows what it sent.
    assert b"canary" not in reply.stanza
    assert stanza[0].get("type") == "cancel"
    assert reply.accepted_us == frame.accepted_us and reply.session == ""


def test_without_to_the_error_has_no_from(frames: Any) -> None:
    reply = replies.error(frames("message", "", "chat"), "service-unavailable")
    assert parse(reply.stanza).get("from") is None


@pytest.mark.parametrize("to", ["example.com", "", "alice@example.com"])
@pytest.mark.parametrize("payload", sorted(ANSWERS))
def test_answers(frames: Any, payload: str, to: str) -> None:
    frame = frames.query(payload, to)
    reply = replies.answer(frame, SERVER, 1)
    stanza = parse(reply.stanza)
    assert (reply.kind, reply.type) == (KIND_IQ, "result")
    assert (stanza.get("type"), stanza.get("id"), stanza.get("from")) == ("result", "q1", to or None)
    assert [child.tag for child in stanza] == ([] if payload.endswith("ping") else [payload])


def test_disco_tells_server_and_account_apart(frames: Any) -> None:
    info = "{http://jabber.org/protocol/disco#info}query"
    for to, category in (("example.com", b"server"), ("", b"account"), ("alice@example.com", b"account")):
        assert b'category="' + category in replies.answer(frames.query(info, to), SERVER, 1).stanza


def test_an_answer_may_be_an_error(frames: Any) -> None:
    frame = frames.query("{http://jabber.org/protocol/disco#items}query", "example.com", node="x")
    reply = replies.answer(frame, SERVER, 1)
    assert reply.type == "error"
    assert b"item-not-found" in reply.stanza
