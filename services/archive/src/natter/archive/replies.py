"""Answers and errors of the archive as frames for the session that asked."""

from __future__ import annotations

from natter.proto.v1.bus_pb2 import KIND_IQ, Frame
from natter.xmpp.element import Element
from natter.xmpp.errors import error_reply, result_reply


def result(asked: Frame, *children: Element) -> Frame:
    """The result of a request."""
    # RFC 6120 §8.1.2.1: from whom it was for, left out where it named nobody.
    stanza = result_reply(asked.id, asked.sender, asked.to or None, *children)
    return _to(asked, Frame(kind=KIND_IQ, type="result", id=asked.id, stanza=stanza))


def error(asked: Frame, condition: str, text: str = "", type: str | None = None) -> Frame:
    """A stanza error for a request or a message."""
    stanza = error_reply(asked.stanza, condition, sender=asked.to or None, to=asked.sender, text=text, type=type)
    return _to(asked, Frame(kind=asked.kind, type="error", id=asked.id, stanza=stanza))


def unable(asked: Frame) -> Frame:
    """The database is away, or too slow."""
    return error(asked, "internal-server-error", "try again later", type="wait")


def _to(asked: Frame, frame: Frame) -> Frame:
    frame.sender = asked.to
    frame.to = asked.sender
    frame.sessions.append(asked.session)
    frame.accepted_us = asked.accepted_us
    frame.traceparent = asked.traceparent
    return frame
