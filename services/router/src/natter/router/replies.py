"""What the router says itself: stanza errors, and answers for the server and the sender's account."""

from __future__ import annotations

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.element import parse
from natter.xmpp.errors import error_reply, result_reply

from .pipeline import ANSWERS, ORDERS
from .question import Question, Refused, Server
from .route.target import Target, classify
from .route.view import Hosts


def error(frame: Frame, condition: str) -> Frame:
    """The bounce of `frame`, as from whom it was for."""
    # RFC 6120 §8.3.1, §10.3.3: without 'to' it was for the sender's account: the error needs no 'from'.
    stanza = error_reply(frame.stanza, condition, sender=frame.to or None, to=frame.sender)
    return _reply(frame, "error", stanza)


def answer(frame: Frame, server: Server, now_us: int) -> Frame:
    """The result of a request in `pipeline.ANSWERS`, or the error that it deserves."""
    query = parse(frame.stanza)[0]
    hosts = Hosts(server.domain, server.conference)
    of_account = classify(frame.to, frame.sender, hosts) is Target.OWN
    try:
        children = (ANSWERS if frame.type == "get" else ORDERS)[frame.payload](
            Question(query, of_account, server, now_us)
        )
    except Refused as refused:
        return error(frame, str(refused))
    # RFC 6120 §8.1.2.1: 'from' is whom the request was for, left out where it named nobody.
    return _reply(frame, "result", result_reply(frame.id, frame.sender, frame.to or None, *children))


def _reply(frame: Frame, type: str, stanza: bytes) -> Frame:
    return Frame(
        kind=frame.kind,
        type=type,
        sender=frame.to,
        to=frame.sender,
        id=frame.id,
        stanza=stanza,
        traceparent=frame.traceparent,
        accepted_us=frame.accepted_us,
    )
