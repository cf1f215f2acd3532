"""Who does not want to hear from whom.  XEP-0191 §3.3: nothing of it is delivered, kept, or copied."""

from __future__ import annotations

from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, KIND_PRESENCE, Frame
from natter.xmpp.jid import bare_of

from .outcome import NOT_ACCEPTABLE, UNAVAILABLE, UNWANTED, Outcomes
from .view import Directory, Hosts


def unwanted(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes | None:
    """Either side has blocked the other."""
    to = frame.to
    if not to:
        return None
    if hosts.blocks(bare_of(frame.sender), to):
        # To leave is allowed: a room that was blocked meanwhile must not keep a ghost.
        return None if frame.kind == KIND_PRESENCE and frame.type == "unavailable" else _outbound(frame)
    return _inbound(frame) if hosts.blocks(bare_of(to), frame.sender) else None


def _outbound(frame: Frame) -> Outcomes:
    # RFC 6120 §8.3.1: no error for an error, nor for an answer.
    if frame.type == "error" or (frame.kind == KIND_IQ and frame.type == "result"):
        return UNWANTED
    return NOT_ACCEPTABLE


def _inbound(frame: Frame) -> Outcomes:
    # The user appears offline to who is blocked: presence is ignored, requests and messages find nobody.
    if frame.kind == KIND_MESSAGE:
        return UNWANTED if frame.type in ("error", "headline") else UNAVAILABLE
    if frame.kind == KIND_IQ and frame.type in ("get", "set"):
        return UNAVAILABLE
    return UNWANTED
