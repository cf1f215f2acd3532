"""From a stanza to the lane: count it, check it, stamp it, append it, or answer it. No task, no await."""

from __future__ import annotations

from random import random

from natter.proto.v1 import bus_pb2
from natter.xmpp.stream.events import Stanza

from . import pipeline
from .gateway import Gateway
from .session import Held, Session

INBOUND_MASK = 0xFFFFFFFF
MESSAGE = bus_pb2.KIND_MESSAGE
# RFC 6120 §8.3.3.17: the server lacks the room; type wait.
NO_ROOM = pipeline.Refused("resource-constraint", "the server has no room for more now")


def accept(gateway: Gateway, session: Session, stanza: Stanza, now_us: int, roll: float = -1.0) -> bool:
    """Take one stanza. False: it has to wait, and so has the socket, until `session.announcing` is done.

    `roll` is the die for sampling where it was cast already.
    """
    # XEP-0198 §4: every stanza counts, whatever becomes of it.
    session.inbound = session.inbound + 1 & INBOUND_MASK
    refused = pipeline.refusal(session, stanza)
    if refused is None and gateway.refusing and pipeline.finds_no_room(session, stanza, gateway.refusing):
        refused = NO_ROOM
    if refused is not None:
        return refuse(gateway, session, stanza, refused)
    tally = gateway.tally
    traceparent = tally.sampled(session, random() if roll < 0.0 else roll)
    frame = pipeline.frame_of(session, stanza, now_us)
    traceparent = tally.accepted(frame, session, len(stanza.raw), traceparent)
    if traceparent:
        frame.traceparent = traceparent
    announce = pipeline.announcement(session, frame) if frame.kind != MESSAGE else None
    if announce is None and session.announcing is None:
        gateway.lane.add(frame)
        return True
    gateway.binding.hold(session, Held(frame, announce))
    return False


def refuse(gateway: Gateway, session: Session, stanza: Stanza, refused: pipeline.Refused) -> bool:
    """Tell the sender why the stanza goes no further."""
    gateway.counted(session)
    if refused.fatal:
        session.link.end(refused.condition, refused.text)
        return True
    reply = pipeline.answer(session, stanza, refused)
    if reply:
        gateway.answer(session, stanza.kind, reply)
    return True
