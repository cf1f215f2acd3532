"""XEP-0191: Blocking Command.  What a command makes of a user's list, and whom that is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from natter.proto.v1.bus_pb2 import KIND_IQ, Frame
from natter.xmpp.element import E, Element, parse, render
from natter.xmpp.errors import error_reply, result_reply
from natter.xmpp.xeps import blocking

COMMANDS: Final = frozenset({(blocking.BLOCKLIST, "get"), (blocking.BLOCK, "set"), (blocking.UNBLOCK, "set")})
FEATURES = blocking.XEP.features
# JIDs in one list; a command that would exceed them is refused.
JIDS_MAX: Final = 1000


class Refused(Exception):
    """The command is answered with this condition."""


def edit_of(frame: Frame) -> Callable[[frozenset[str]], frozenset[str]]:
    """What a command makes of the list. Raises Refused, and so does what is returned."""
    try:
        named = blocking.items(parse(frame.stanza)[0])
    except ValueError:
        raise Refused("jid-malformed") from None
    if frame.payload == blocking.UNBLOCK:
        # XEP-0191 §3.5: without items, everybody.
        return lambda before: before - named if named else frozenset()
    if not named:
        # XEP-0191 §3.3: at least one.
        raise Refused("bad-request")

    def block(before: frozenset[str]) -> frozenset[str]:
        after = before | named
        if len(after) > JIDS_MAX and after != before:
            raise Refused("resource-constraint")
        return after

    return block


def answer(frame: Frame, *children: Element) -> Frame:
    """The result for who has sent the command."""
    return _reply(frame, "result", result_reply(frame.id, frame.sender, frame.to or None, *children))


def refusal(frame: Frame, condition: str) -> Frame:
    """The error for who has sent the command."""
    return _reply(frame, "error", error_reply(frame.stanza, condition, sender=frame.to or None, to=frame.sender))


def listing(frame: Frame, jids: Iterable[str]) -> Frame:
    """The list, for who has asked for it."""
    return answer(frame, blocking.listed(blocking.BLOCKLIST, jids))


def push(frame: Frame, to: str, session: str) -> Frame:
    """What was commanded, for a session that has asked for the list."""
    named = blocking.items(parse(frame.stanza)[0])
    # XEP-0191 §3.3: an IQ of type set from the user's own account.
    iq = E("iq", {"type": "set", "id": f"blocking-{frame.inbound}", "to": to})
    iq.append(blocking.listed(frame.payload, named))
    return Frame(kind=KIND_IQ, type="set", to=to, stanza=render(iq), sessions=[session])


def _reply(frame: Frame, type: str, stanza: bytes) -> Frame:
    return Frame(
        kind=KIND_IQ, type=type, sender=frame.to, to=frame.sender, id=frame.id, stanza=stanza, sessions=[frame.session]
    )
