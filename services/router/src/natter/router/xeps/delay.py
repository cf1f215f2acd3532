"""XEP-0203: what another session gets because the one that it was for has left says when it was sent."""

from __future__ import annotations

from collections.abc import Iterable

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.xmpp import ns
from natter.xmpp.element import attr_escape
from natter.xmpp.xeps import delay

from ..route.outcome import Deliver, Outcome


def stamp(frame: Frame, outcomes: Iterable[Outcome], domain: str) -> None:
    """Put the time of its acceptance on a message that came back and goes to somebody else. Once.

    XEP-0198 §4: what a session has not acknowledged gets the time of the delivery that failed. What waited in the
    archive has its stamp from there.
    """
    if frame.kind != KIND_MESSAGE or frame.stored or not any(isinstance(outcome, Deliver) for outcome in outcomes):
        return
    if f"<delay xmlns='{ns.DELAY}' from='{attr_escape(domain)}'".encode() not in frame.stanza:
        frame.stanza = delay.delayed(frame.stanza, domain, frame.accepted_us)
