"""Presence.  Nearly all of it is the presence service's work, at the shard of the sender."""

from __future__ import annotations

from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.jid import bare_of

from .outcome import BAD_REQUEST, ERROR, Deliver, Hand, HandRooms, Outcomes
from .target import Target, classify
from .view import Directory, Hosts

# RFC 6121 §4.7.1
TYPES: Final = frozenset(
    {"", "unavailable", "error", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed"}
)


def by_type(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    """Every presence."""
    type, to = frame.type, frame.to
    if type == "error":
        return _error(frame, directory, hosts)
    if type not in TYPES:
        return BAD_REQUEST
    sender = Hand("user", bare_of(frame.sender))
    if to and type in ("", "unavailable") and classify(to, frame.sender, hosts) is Target.CONFERENCE:
        # XEP-0045 §7.2: it is the room's, which knows who is in it; nobody else has to remember (ADR 18).
        return (Hand("room", bare_of(to)),)
    if frame.rooms and not to and type == "unavailable":
        # RFC 6121 §4.6.3: where directed presence went, this must be heard as well.
        return sender, HandRooms(frame.rooms)
    return (sender,)


def _error(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    session = directory.get(frame.to)
    if session is not None:
        return (Deliver((session,)),)
    if classify(frame.to, frame.sender, hosts) is Target.CONFERENCE:
        # XEP-0045 §11.1: the room removes an occupant whose client returns errors.
        return (Hand("room", bare_of(frame.to)),)
    return ERROR
