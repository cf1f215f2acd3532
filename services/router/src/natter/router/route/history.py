"""Whose archives a message goes into.  XEP-0313 §6.1: what was accepted for delivery, once per archive."""

from __future__ import annotations

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.xmpp import keeping
from natter.xmpp.jid import bare_of

from .outcome import Deliver, Keep, Outcomes
from .view import Hosts


def kept(frame: Frame, outcomes: Outcomes, hosts: Hosts) -> Outcomes:
    """`outcomes` of a message, and what is to be kept of it."""
    if not hosts.archive or frame.kind != KIND_MESSAGE:
        return outcomes
    first = outcomes[0]
    # XEP-0313 §6.1: what is refused, by whomever, is in no archive. Rooms keep what is said in them.
    if not isinstance(first, Deliver | Keep):
        return outcomes
    # What comes back was kept when it came first.
    if frame.returned or not keeping.in_archive(frame.type, frame.traits):
        return outcomes
    sender = bare_of(frame.sender)
    recipient = bare_of(frame.to) if frame.to else sender
    owners = (sender,) if sender == recipient else (sender, recipient)
    if isinstance(first, Keep):
        return (Keep(owners, first.waits), *outcomes[1:])
    return (Keep(owners), *outcomes)
