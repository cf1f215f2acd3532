"""XEP-0280: who asks for carbons is noted in the directory, before the router answers; so it outlives a connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.xeps import carbons

from .session import Announcement, Session

_WANTED: Final = {carbons.ENABLE: True, carbons.DISABLE: False}


def announcement(session: Session, frame: Frame) -> Announcement | None:
    """What an IQ changes in the session's record; None: nothing."""
    wanted = _WANTED.get(frame.payload)
    # XEP-0280 §4: a client asks for itself, and names nobody.
    if wanted is None or frame.type != "set" or frame.to not in ("", session.bare):
        return None
    if wanted == session.announced.carbons:
        return None
    session.announced = replace(session.announced, carbons=wanted)
    return session.announced
