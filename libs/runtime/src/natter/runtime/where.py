"""`natter where`: what has become of a message, asked through the bus; as JSON, or as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from natter.bus import subjects
from natter.bus.api import BusError
from natter.proto.v1.where_pb2 import Whereabouts, WhereEvent, WhereReply, WhereRequest

from .users import CommandFailed, Where, connected, credentials_of

# Above what the accounts service gives itself.
REPLY_SECONDS_MAX = 25.0


async def ask(where: Where, id: str) -> Sequence[Whereabouts]:
    """The messages that `id` names, the newest first."""
    async with connected(credentials_of(where)) as bus:
        request = WhereRequest(id=id).SerializeToString()
        try:
            raw = await bus.request(subjects.rpc("accounts", "where"), request, seconds_max=REPLY_SECONDS_MAX)
        except BusError:
            raise CommandFailed("the accounts service does not answer; `natter doctor` tells why") from None
    reply = WhereReply.FromString(raw)
    if reply.error:
        raise CommandFailed(f"{id}: {reply.text}")
    return reply.found


def document(found: Whereabouts) -> dict[str, Any]:
    """A message's whereabouts as JSON has them. Times are null where nobody wrote them down."""
    return {
        "found_by": found.found_by,
        "stanza_id": found.stanza_id or None,
        "id": found.id or None,
        "type": found.type,
        "from": found.sender,
        "to": found.to or None,
        "accepted": _time(found.accepted_us),
        "end": found.end,
        "reason": found.reason or None,
        "timeline": [
            {
                "time": _time(event.time_us),
                "after_ms": _after_ms(event, found),
                "event": event.what,
                "whom": event.whom or None,
                "place": event.place or None,
                "reason": event.reason or None,
            }
            for event in found.events
        ],
        "notes": list(found.notes),
    }


def lines(found: Whereabouts) -> Iterator[str]:
    """The same for people: times are relative to the acceptance."""
    end = f"{found.end} ({found.reason})" if found.reason else found.end
    yield f"{found.type} message from {found.sender} to {found.to or 'the own account'}: {end}"
    named = [("stanza-id", found.stanza_id), ("id", found.id)]
    yield "  " + ", ".join([*(f"{word} {id}" for word, id in named if id), f"accepted {_time(found.accepted_us)}"])
    rows = [(_relative(event, found), event.what, _whom(event), event.place) for event in found.events]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for after, what, whom, place in rows:
        yield f"  {after:>{widths[0]}}  {what:<{widths[1]}}  {whom:<{widths[2]}}  {place}".rstrip()
    for note in found.notes:
        yield f"  {note}"


def _whom(event: WhereEvent) -> str:
    return " ".join(part for part in (event.whom, f"({event.reason})" if event.reason else "") if part)


def _after_ms(event: WhereEvent, found: Whereabouts) -> float | None:
    return round((event.time_us - found.accepted_us) / 1000, 3) if event.time_us else None


def _relative(event: WhereEvent, found: Whereabouts) -> str:
    after_ms = _after_ms(event, found)
    return "?" if after_ms is None else f"{after_ms / 1000:+.3f} s"


def _time(us: int) -> str | None:
    if not us:
        return None
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
