"""Nicknames: what is asked for, whether it is free, and changing it. XEP-0045 §7.2.8 and §7.6."""

from __future__ import annotations

from natter.xmpp.xeps.muc import Role

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
    if present.role is Role.VISITOR and room.config.visitors_keep_nick:
        raise Refused("not-allowed", "Visitors keep their nickname in this room.")
    # XEP-0045 §7.6: nicknames are locked down.
    if locked(room, request.bare) not in ("", nick):
        raise Refused("not-acceptable", "Members keep their registered nickname in this room.", type="cancel")
    return Decision((change(room, request, present, nick, changed, limits),))


def wanted(request: Request, limits: Limits) -> tuple[str, bool]:
    """The nickname addressed, as the room shows it, and whether that differs from what was written."""
    if not request.nick:
        # XEP-0045 §7.2.1: no nickname.
        raise Refused("jid-malformed", "A nickname is needed.")
    nick = checked(request.nick, limits)
    return nick, nick != request.nick


def checked(text: str, limits: Limits) -> str:
    """A nickname as the room shows it. Raises Refused where it is none."""
    if len(text.encode()) > limits.nick_bytes_max:
        raise Refused("not-acceptable", f"A nickname has at most {limits.nick_bytes_max} bytes.")
    try:
        nick = nickname.shown(text)
        nickname.key(nick)
    except nickname.NicknameError:
        raise Refused("jid-malformed", "This is no nickname.") from None
    return nick


def reservable(room: Room, text: str, bare: str, limits: Limits) -> str:
    """A nickname as it is reserved for a user. Raises Refused where it is none, or somebody else's."""
    nick = checked(text, limits)
    key = nickname.key(nick)
    holder = room.shown(room.nick_keys.get(key, ""))
    # XEP-0045 §7.10: reserved for, or in use by, another user.
    if room.reserved.get(key, bare) != bare or (holder is not None and holder.bare != bare):
        raise Refused("conflict", "This nickname is somebody else's.")
    return nick


def locked(room: Room, bare: str) -> str:
    """The nickname that a user is held to; "" where any may be chosen."""
    known = room.affiliations.get(bare) if room.config.nicks_locked else None
    return known.nick if known is not None else ""


def shared(room: Room, nick: str, request: Request) -> Occupant | None:
    """The user's own session under a nickname. Raises Refused where it is somebody else's, or too much like it."""
    key = nickname.key(nick)
    # XEP-0045 §7.12: reserved for somebody, present or not.
    if room.reserved.get(key, request.bare) != request.bare:
        raise Refused("conflict")
    holder = room.shown(room.nick_keys.get(key, ""))
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
