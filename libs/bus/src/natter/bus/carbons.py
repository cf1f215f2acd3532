"""XEP-0280: what the other clients of an account get, as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from natter.proto.v1.bus_pb2 import Frame

from .directory import Directory, Session

# `stanza`, its type, the account and the full JID it is for: the carbon.
Wrap = Callable[[bytes, str, str, str], bytes]


def carbon(of: Frame, account: str, session: str, to: str, type: str, stanza: bytes) -> Frame:
    """The frame of one carbon, `stanza`, of what `of` is, for a session of the account and its full JID."""
    # Without a session of its own: nobody is owed an answer to it, and it does not come back (XEP-0280 §9.3).
    return Frame(
        kind=of.kind,
        type=type,
        sender=account,
        to=to,
        stanza=stanza,
        sessions=[session],
        accepted_us=of.accepted_us,
        traceparent=of.traceparent,
    )


def of_error(
    error: Frame, account: str, refused: str, directory: Directory, wrap: Wrap
) -> Iterator[tuple[Session, Frame]]:
    """XEP-0280 §6.1: who has seen on another device what the session `refused` said sees there that it was refused."""
    for session in directory.sessions(account).values():
        if session.carbons and session.session != refused:
            stanza = wrap(error.stanza, "error", account, session.jid)
            yield session, carbon(error, account, session.session, session.jid, "error", stanza)
