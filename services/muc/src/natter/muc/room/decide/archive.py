"""Asking for the room's archive: who may, and what is asked. XEP-0313 §6.1.2."""

from __future__ import annotations

from typing import Final

from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import mam
from natter.xmpp.xeps.muc import Affiliation, Role

from ..answer import result
from ..request import Decision, Limits, Question, Refused, Request, present
from ..rights import leads, sees_jids
from ..state import Config, Room

PAYLOADS: Final = (mam.QUERY, mam.METADATA)


def archives(room: Room, limits: Limits) -> bool:
    """Whether what is said in the room is kept for those who ask."""
    return limits.archive and limits.keep_words and not room.config.unarchived


def is_logged(config: Config, limits: Limits) -> bool:
    """Whether what is said can be read by people who never enter: XEP-0045 §7.2.12, they who do are warned."""
    kept = limits.archive and limits.keep_words and not config.unarchived
    return kept and not config.members_only and not config.password


def decide(room: Room, request: Request, limits: Limits) -> Decision:
    """An IQ with a query or a metadata request."""
    _may_read(room, request, limits)
    if request.payload == mam.METADATA:
        if request.type != "get":
            raise Refused("bad-request")
        return Decision(question=Question(request, room))
    if request.type == "get":
        return Decision(outputs=(result(request, mam.form()),))
    element = request.element().find(mam.QUERY)
    try:
        query = mam.parse(element) if element is not None else mam.Query()
    except mam.Unsupported as field:
        # XEP-0313 §4.1.5: a field that is not recognised.
        raise Refused("feature-not-implemented", f"There is no field {field}.") from None
    except ValueError as error:
        raise Refused("bad-request", str(error)) from None
    if query.node:
        raise Refused("item-not-found")
    sender = present(room, request)
    sees = sees_jids(room.config, sender.role if sender else Role.NONE) or leads(room.affiliation(request.bare))
    # XEP-0313 §4.1.1: by real address only for those who know real addresses.
    if query.with_ and bare_of(query.with_) != room.jid and not sees:
        raise Refused("forbidden", "You may ask by nickname only.")
    return Decision(question=Question(request, room, query, sees))


def _may_read(room: Room, request: Request, limits: Limits) -> None:
    """Raise Refused where somebody may not read the archive: whoever may not enter now."""
    if not archives(room, limits):
        raise Refused("service-unavailable", "This room keeps no archive.")
    affiliation = room.affiliation(request.bare)
    # XEP-0313 §6.1.2: not outcasts; of a members-only room, members only.
    if affiliation is Affiliation.OUTCAST or (room.config.members_only and affiliation is Affiliation.NONE):
        raise Refused("forbidden")
    # Nobody can show in a query that he knows the password.
    if room.config.password and not leads(affiliation) and not room.of_bare(request.bare):
        raise Refused("forbidden", "Enter the room before you read its archive.")
