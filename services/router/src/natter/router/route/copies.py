"""Who gets carbon copies of a message.  XEP-0280."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.xmpp.jid import bare_of
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import carbons

from .outcome import Bounce, Copy, Deliver, Drop, Hand, Keep, Outcomes
from .view import Directory, Hosts, Session

CARBON: Final = int(Trait.CARBON)


def copied(frame: Frame, outcomes: Outcomes, directory: Directory, hosts: Hosts) -> Outcomes:
    """`outcomes` of a message, and the copies of it."""
    if frame.kind != KIND_MESSAGE or frame.returned:
        # What comes back was copied when it came first.
        return outcomes
    goes = outcomes[-1]
    if frame.traits & CARBON or not carbons.eligible(frame.type, frame.traits, frame.to):
        return outcomes
    match goes:
        case Deliver() | Keep():
            return outcomes + tuple(_copies(frame, goes, directory))
        case Hand():
            # XEP-0280 §6.1: what came from somebody in a room was not copied, nor is an error in response to it.
            return outcomes if frame.type == "error" else outcomes + tuple(_copies(frame, goes, directory))
        case Bounce():
            return outcomes + tuple(_refused(frame, directory))
        case Drop("error"):
            # XEP-0280 §7: an error for a client that has left is heard by the others.
            return outcomes + tuple(_copies(frame, goes, directory))
        case _:
            return outcomes


def _refused(frame: Frame, directory: Directory) -> Iterator[Copy]:
    """XEP-0280 §8, §6.1: the other clients see what was said, and that it was refused."""
    sender = bare_of(frame.sender)
    others = _others(directory, sender, {frame.session})
    if others:
        yield Copy(sender, others, sent=True)
        yield Copy(sender, others, sent=False, error=True)


def _copies(frame: Frame, goes: Deliver | Keep | Hand | Drop, directory: Directory) -> Iterator[Copy]:
    sender = bare_of(frame.sender)
    # XEP-0280 §7: who gets the message itself gets no copy; §8: nor does who has sent it.
    got = {session.session for session in goes.sessions} if isinstance(goes, Deliver) else set()
    got.add(frame.session)
    recipient = bare_of(frame.to) if frame.to else sender
    # XEP-0280 §6.1: what is said in private in a room is copied for the one who says it.
    if recipient != sender and not isinstance(goes, Hand):
        others = _others(directory, recipient, got)
        if others:
            yield Copy(recipient, others, sent=False)
    others = _others(directory, sender, got)
    if others:
        yield Copy(sender, others, sent=True)


def _others(directory: Directory, account: str, got: set[str]) -> tuple[Session, ...]:
    return tuple(s for s in directory.sessions(account).values() if s.carbons and s.session not in got)
