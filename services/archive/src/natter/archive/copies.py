"""Carbons of an error (XEP-0280): who has seen on another device what was said sees there that it was refused."""

from __future__ import annotations

from collections.abc import Iterator

from natter.bus.directory import Directory, Session
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import carbons


def of_error(refused: Frame, error: Frame, directory: Directory) -> Iterator[tuple[Session, Frame]]:
    """Copies of the `error` for the message `refused`, and whom they are for."""
    # XEP-0280 §6.1: of an error in response to a message that was copied. What came back was copied when it came first.
    if not carbons.eligible(refused.type, refused.traits, refused.to):
        return
    account = bare_of(refused.sender)
    for session in directory.sessions(account).values():
        if session.carbons and session.session != refused.session:
            # Without a session of its own: it does not come back (XEP-0280 §9.3).
            yield (
                session,
                Frame(
                    kind=KIND_MESSAGE,
                    type="error",
                    sender=account,
                    to=session.jid,
                    stanza=carbons.received(error.stanza, "error", account, session.jid),
                    sessions=[session.session],
                    accepted_us=error.accepted_us,
                    traceparent=error.traceparent,
                ),
            )
