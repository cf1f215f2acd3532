"""`natter room`: rooms of a running system, through the bus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from natter.bus import subjects
from natter.bus.api import Bus, BusError
from natter.proto.v1 import room_pb2

from .users import CommandFailed, Where, connected, credentials_of

REPLY_SECONDS_MAX = 8.0
_FLAGS = (
    "persistent",
    "public",
    "moderated",
    "members_only",
    "jids_public",
    "occupants_change_subject",
    "members_invite",
    "nicks_locked",
    "unarchived",
)


async def ask(bus: Bus, verb: str, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
    """One request of the muc service. `CommandFailed` when it refuses or does not answer."""
    try:
        raw = await bus.request(subjects.rpc("muc", verb), request.SerializeToString(), seconds_max=REPLY_SECONDS_MAX)
    except BusError:
        raise CommandFailed("the muc service does not answer; `natter doctor` tells why") from None
    reply = room_pb2.RoomReply.FromString(raw)
    if reply.error:
        raise CommandFailed(f"{request.jid or 'the list'}: {reply.text or reply.error}")
    return reply


async def every(where: Where) -> list[room_pb2.RoomSummary]:
    """All rooms, by JID."""
    found: list[room_pb2.RoomSummary] = []
    async with connected(credentials_of(where)) as bus:
        while True:
            after = found[-1].jid if found else ""
            reply = await ask(bus, "list", room_pb2.RoomRequest(after=after))
            found += reply.rooms
            if not reply.more:
                return found


async def one(where: Where, verb: str, request: room_pb2.RoomRequest) -> room_pb2.RoomSnapshot:
    """A room now ("show") or then ("at"), or what "destroy" leaves of it: nothing."""
    async with connected(credentials_of(where)) as bus:
        return (await ask(bus, verb, request)).room


def moment(text: str) -> int:
    """Unix microseconds of an ISO 8601 time; one without a zone is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"{text} is no time; write it as 2026-11-21T14:30:00+01:00") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def line(room: room_pb2.RoomSummary) -> str:
    """A room in a list."""
    marks = ("public" if room.public else "hidden") + (", being made" if room.locked else "")
    return f"{room.jid}\t{room.creator}\t{marks}\t{room.name}".rstrip()


def described(room: room_pb2.RoomSnapshot) -> Iterator[str]:
    """A room as lines for people."""
    config = room.config
    yield room.jid
    if config.name:
        yield f"  name         {config.name}"
    if room.subject:
        yield f"  subject      {room.subject}"
    kinds = [name.replace("_", "-") for name in _FLAGS if getattr(config, name)]
    kinds += ["password"] if config.password else []
    kinds += ["being made"] if room.locked else []
    yield f"  kind         {', '.join(kinds) or 'plain'}"
    for affiliation in ("owner", "admin"):
        for known in room.affiliations:
            if known.affiliation == affiliation:
                yield f"  {affiliation:<12} {known.jid}"
    yield f"  occupants    {len({o.nick for o in room.occupants})}"
    for occupant in room.occupants:
        yield f"    {occupant.nick}\t{occupant.role}\t{occupant.jid}"
    if room.archived:
        yield f"  said         {room.archived} messages"


def members(room: room_pb2.RoomSnapshot) -> Iterator[str]:
    """Everybody with an affiliation: JID, affiliation, reserved nickname, and why."""
    order = {"owner": 0, "admin": 1, "member": 2, "outcast": 3}
    for known in sorted(room.affiliations, key=lambda a: (order.get(a.affiliation, 9), a.jid)):
        yield f"{known.jid}\t{known.affiliation}\t{known.nick}\t{known.reason}".rstrip()
