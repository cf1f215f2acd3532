"""Answers to the session that asked."""

from __future__ import annotations

from natter.proto.v1 import bus_pb2
from natter.xmpp.errors import error_reply

from .. import render
from ..effects import Decision, ToSessions


class Refused(Exception):
    """The peer's mistake: `condition` of RFC 6120 §8.3.3 and a sentence for him."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


def result(frame: bus_pb2.Frame, payload: bytes = b"") -> ToSessions:
    """The IQ result to the asker. RFC 6120 §8.1.2.1: `from` is what `to` was; absent where that was absent."""
    stanza = render.result(frame.id, frame.sender, frame.to, payload)
    return ToSessions(stanza, (frame.session,), kind=bus_pb2.KIND_IQ, type="result", sender=frame.to, id=frame.id)


def error(frame: bus_pb2.Frame, condition: str, text: str = "") -> ToSessions:
    """The stanza error to the asker."""
    stanza = error_reply(frame.stanza, condition, sender=frame.to or None, to=frame.sender, text=text)
    return ToSessions(stanza, (frame.session,), kind=frame.kind, type="error", sender=frame.to, id=frame.id)


def refusal(frame: bus_pb2.Frame, refused: Refused) -> Decision:
    """The decision that only says no."""
    return Decision(effects=(error(frame, refused.condition, refused.text),), limit=_limit(refused.condition))


def _limit(condition: str) -> str:
    return "roster" if condition == "resource-constraint" else ""
