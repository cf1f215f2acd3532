"""Answers as frames."""

from __future__ import annotations

from natter.archive import replies
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, Frame
from natter.xmpp.element import E

ASKED = Frame(kind=KIND_IQ, type="set", sender="a@h/r", id="1", session="s", stanza=b"<iq type='set' id='1'/>")


def test_a_result() -> None:
    frame = replies.result(ASKED, E("{urn:x}y"))
    assert (frame.kind, frame.type, frame.to, list(frame.sessions)) == (KIND_IQ, "result", "a@h/r", ["s"])
    assert frame.stanza == b"<iq type='result' id='1' to='a@h/r'><y xmlns=\"urn:x\"/></iq>"


def test_an_error_for_a_message() -> None:
    said = Frame(kind=KIND_MESSAGE, sender="a@h/r", to="b@h", session="s", stanza=b"<message id='2'><body/></message>")
    frame = replies.error(said, "service-unavailable", type="wait")
    assert (frame.kind, frame.sender) == (KIND_MESSAGE, "b@h")
    assert b"from='b@h'" in frame.stanza and b'type="wait"' in frame.stanza and b"id='2'" in frame.stanza
