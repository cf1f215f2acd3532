"""What an IQ of a client changes in its directory record, before the router answers: so it outlives a connection.

XEP-0280: whether it wants carbons. XEP-0191: whether it hears of changes of the blocklist.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.xeps import blocking, carbons

from .session import Announcement, Session


def announcement(session: Session, frame: Frame) -> Announcement | None:
    """What an IQ changes in the session's record; None: nothing."""
    payload = frame.payload
    # XEP-0280 §4, XEP-0191 §3.2: a client asks for itself, and names nobody.
    if payload not in _WISHES or frame.to not in ("", session.bare):
        return None
    said = session.announced
    if frame.type == "set" and payload in (carbons.ENABLE, carbons.DISABLE):
        said = replace(said, carbons=payload == carbons.ENABLE)
    elif frame.type == "get" and payload == blocking.BLOCKLIST:
        said = replace(said, blocklist=True)
    if said == session.announced:
        return None
    session.announced = said
    return said


_WISHES: Final = frozenset({carbons.ENABLE, carbons.DISABLE, blocking.BLOCKLIST})
