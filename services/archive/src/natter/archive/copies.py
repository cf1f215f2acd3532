"""Carbons of an error (XEP-0280): who has seen on another device what was said sees there that it was refused."""

from __future__ import annotations

from collections.abc import Iterator

from natter.bus import carbons as copies
from natter.bus.directory import Directory, Session
from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import carbons


def of_error(refused: Frame, error: Frame, directory: Directory) -> Iterator[tuple[Session, Frame]]:
    """Copies of the `error` for the message `refused`, and whom they are for."""
    # XEP-0280 §6.1: of an error in response to a message that was copied. What came back was copied when it came first.
    if carbons.eligible(refused.type, refused.traits, refused.to):
        yield from copies.of_error(error, bare_of(refused.sender), refused.session, directory, carbons.received)
