"""Frames that came back: the session they were for had left its gateway before they could be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, Frame
from natter.xmpp.jid import bare_of

from . import message
from .outcome import LEFT, UNAVAILABLE, Deliver, Outcomes
from .view import Directory, Hosts, Without

# Set in a frame's traits, above every Trait, when it goes to several gateways: if one comes back, others got it.
COPIED: Final = 1 << 31

# RFC 6121 §5.2.2: types of messages for a person, who may come later.
WAITS: Final = ("", "normal", "chat")

Decide = Callable[[Frame, Directory, Hosts], Outcomes]


def again(frame: Frame, directory: Directory, hosts: Hosts, decide: Decide) -> Outcomes:
    """Decide a returned frame once more, without the sessions that have left."""
    # What a service sent concerned that session alone; the service hears from the directory that it ended.
    if not frame.session:
        return LEFT
    if frame.returned > hosts.returns_max:
        return _given_up(frame, hosts)
    outcomes = decide(frame, Without(directory, frozenset(frame.sessions)), hosts)
    if frame.traits & COPIED and _reached_others(frame, outcomes):
        return LEFT
    return outcomes


def _reached_others(frame: Frame, outcomes: Outcomes) -> bool:
    # A session that was there when the frame was accepted got its copy then: a second one would be a duplicate.
    return any(
        session.bound_us <= frame.accepted_us
        for outcome in outcomes
        if isinstance(outcome, Deliver)
        for session in outcome.sessions
    )


def _given_up(frame: Frame, hosts: Hosts) -> Outcomes:
    if frame.kind == KIND_MESSAGE:
        account = bare_of(frame.to or frame.sender)
        # Groupchat and the like do not wait for anybody.
        return message.nobody(frame, account, hosts) if frame.type in WAITS else message.refuse(frame.type)
    return UNAVAILABLE if frame.kind == KIND_IQ and frame.type in ("get", "set") else LEFT
