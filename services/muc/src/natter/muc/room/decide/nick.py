"""Nicknames: what is asked for, whether it is free, and changing it. XEP-0045 §7.2.8 and §7.6."""

from __future__ import annotations

from .. import nickname
from ..events import Event, event, presence
from ..request import Decision, Limits, Refused, Request
from ..state import Occupant, Room
from . import availability


def decide(room: Room, request: Request, present: Occupant, limits: Limits) -> Decision:
    """Presence of an occupant to another nickname."""
    nick, changed = wanted(request, limits)
    if nick == present.nick:
        return availability.decide(room, request, present, limits)
    return Decision((change(room, request, present, nick, changed, limits),))


def wanted(request: Request, limits: Limits) -> tuple[str, bool]:
    """The nickname addressed, as the room shows it, and whether that differs from what was written."""
    if not request.nick:
        # XEP-0045 §7.2.1: no nickname.
        raise Refused("jid-malformed", "A nickname is needed.")
    if len(request.nick.encode()) > limits.nick_bytes_max:
        raise Refused("not-acceptable", f"A nickname has at most {limits.nick_bytes_max} bytes.")
    try:
        nick = nickname.shown(request.nick)
        nickname.key(nick)
    except nickname.NicknameError:
        raise Refused("jid-malformed", "This is no nickname.") from None
    return nick, nick != request.nick


def shared(room: Room, nick: str, request: Request) -> Occupant | None:
    """The user's own session under a nickname. Raises Refused where it is somebody else's, or too much like it."""
    holder = room.shown(room.nick_keys.get(nickname.key(nick), ""))
    # XEP-0045 §7.2.8: several sessions of one user may share a nickname.
    if holder is not None and holder.bare != request.bare:
        raise Refused("conflict")
    return holder


def change(room: Room, request: Request, present: Occupant, nick: str, changed: bool, limits: Limits) -> Event:
    """The event of an occupant's new nickname."""
    holder = shared(room, nick, request)
    # XEP-0045 §7.6: a change moves all sessions of the nickname; onto another of the same user's we do not (MAY).
    if holder is not None and holder.nick != present.nick:
        raise Refused("conflict")
    made = event(request)
    made.nickname_changed.nick = present.nick
    made.nickname_changed.jid = present.jid
    made.nickname_changed.new_nick = nick
    made.nickname_changed.nick_changed = changed
    made.nickname_changed.presence.CopyFrom(presence(*availability.said(request, room.jid, limits)))
    return made
