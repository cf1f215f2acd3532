"""`natter doctor --projections`: what the archive's log says beside what its database has, while everything runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from natter.bus import subjects
from natter.bus.api import Bus, BusError
from natter.proto.v1 import archive_pb2

from .doctor import Finding
from .users import CommandFailed, Where, connected, credentials_of

REPLY_SECONDS_MAX = 60.0
SUBJECT = "projections"
ADVICE = "natter doctor --projections --repair"


async def examine(where: Where, *, repair: bool) -> AsyncIterator[Finding]:
    """A line for each row that differs, and one for the whole. `CommandFailed` where nobody can look."""
    began = datetime.now(UTC)
    entries = rows = differing = repaired = unjudged = 0
    async with connected(credentials_of(where)) as bus:
        after, more = 0, True
        while more:
            reply = await _piece(bus, after, repair=repair)
            after, more = reply.until, reply.more
            entries += reply.entries
            rows += reply.rows
            differing += reply.differing
            repaired += reply.repaired
            unjudged += reply.unjudged
            for found in reply.differences:
                text = f"{found.what} in the archive of {found.owner}: {found.id}"
                yield Finding(SUBJECT, f"{text}, put right", "") if repair else Finding(SUBJECT, text, ADVICE)
    seconds = (datetime.now(UTC) - began).total_seconds()
    text = f"{entries:,} entries of the log, {rows:,} rows, {differing:,} differ, {repaired:,} put right"
    text += f", {unjudged:,} cannot be judged ({seconds:.1f} s)"
    yield Finding(SUBJECT, text, ADVICE if differing > repaired else "")


async def _piece(bus: Bus, after: int, *, repair: bool) -> archive_pb2.CheckReply:
    request = archive_pb2.CheckRequest(after=after, repair=repair)
    try:
        raw = await bus.request(
            subjects.rpc("archive", "check"), request.SerializeToString(), seconds_max=REPLY_SECONDS_MAX
        )
    except BusError:
        raise CommandFailed("the archive service does not answer; `natter doctor` tells why") from None
    reply = archive_pb2.CheckReply.FromString(raw)
    if reply.error:
        raise CommandFailed(reply.error)
    return reply
