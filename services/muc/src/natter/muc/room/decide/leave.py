"""Leaving a room, by own wish or because the session is gone, and what the last one takes along. XEP-0045 §7.14."""

from __future__ import annotations

from typing import Final

from natter.xmpp import ns
from natter.xmpp.xeps.muc import Status

from ..events import Event, event, presence
from ..evolve import fold
from ..request import NOTHING, Decision, Limits, Request
from ..stanza import own_presence
from ..state import Occupant, Room

# XEP-0045 §18.1.2: errors that say that nobody is there to take what the room sends.
_UNDELIVERABLE: Final = frozenset(
    (
        "gone",
        "internal-server-error",
        "item-not-found",
        "jid-malformed",
        "recipient-unavailable",
        "redirect",
        "remote-server-not-found",
        "remote-server-timeout",
        "service-unavailable",
    )
)


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """Unavailable presence, or a session that vanished."""
    present = room.occupant(request.sender)
    # XEP-0045 §17.3: ignored from somebody who is not in the room.
    if present is None:
        return NOTHING
    # A session that is known to be over speaks for itself only: its successor may have entered meanwhile.
    if request.session and present.session and request.session != present.session:
        return NOTHING
    made = event(request)
    made.occupant_left.nick = present.nick
    made.occupant_left.jid = present.jid
    if request.vanished:
        made.occupant_left.statuses.append(Status.TECHNICAL_REASON)
    else:
        attributes, payload = own_presence(request.stanza, request.traits, room.jid)
        if len(attributes) + len(payload) <= limits.presence_bytes_max:
            made.occupant_left.presence.CopyFrom(presence(attributes, payload))
    return Decision(_and_last(room, request, present, [made]))


def ghost(room: Room, request: Request, present: Occupant) -> Decision:
    """An error came back for what the room sent to an occupant: it is no longer there."""
    made = event(request)
    made.occupant_left.nick = present.nick
    made.occupant_left.jid = present.jid
    # XEP-0045 §11.1: 333.
    made.occupant_left.statuses.append(Status.TECHNICAL_REASON)
    return Decision(_and_last(room, request, present, [made]))


def undeliverable(request: Request) -> bool:
    """Whether an error stanza says that its sender cannot be reached."""
    error = request.element().find(f"{{{ns.CLIENT}}}error")
    if error is None:
        return True
    return any(child.tag == f"{{{ns.STANZAS}}}{condition}" for child in error for condition in _UNDELIVERABLE)


def _and_last(room: Room, request: Request, present: Occupant, events: list[Event]) -> tuple[Event, ...]:
    if room.locked and len(room.occupants) == 1:
        # XEP-0045 §10.1.3: who leaves before the first configuration takes the room along.
        return (_deserted(request),)
    return deserted(room, request, events)


def deserted(room: Room, request: Request, events: list[Event]) -> tuple[Event, ...]:
    """`events`, and the end of the room where they leave a temporary one empty."""
    after = fold(room, events)
    # XEP-0045 §7.14: the service destroys a room that is not persistent when the last occupant exits.
    if room.occupants and not after.occupants and not after.config.persistent:
        return (*events, _deserted(request))
    return tuple(events)


def _deserted(request: Request) -> Event:
    made = event(request)
    made.room_destroyed.deserted = True
    return made
