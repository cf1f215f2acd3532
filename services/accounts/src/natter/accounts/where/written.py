"""Which archives have a message, and since when: the archive service is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from natter.bus.api import Bus, BusError
from natter.bus.subjects import rpc
from natter.proto.v1.archive_pb2 import ArchiveKey, WrittenReply, WrittenRequest

from .sighting import Sighting

# Archives looked into; one message has two.
KEYS_MAX: Final = 50
# Whoever asks where a message is has seconds; without an archive the rest of the story is told.
ANSWER_SECONDS_MAX: Final = 3.0

# By bare JID and archive id; Unix time in microseconds, 0 where nobody wrote down when.
Written: TypeAlias = Mapping[tuple[str, str], int]


async def written(bus: Bus, sightings: Iterable[Sighting]) -> Written | None:
    """Of the messages that were put into the archive's log; None: nobody can tell."""
    keys = {(owner, one.frame.stanza_id) for one in sightings for owner in one.frame.owners if one.frame.stanza_id}
    if not keys:
        return {}
    request = WrittenRequest(keys=[ArchiveKey(owner=owner, id=id) for owner, id in sorted(keys)[:KEYS_MAX]])
    try:
        raw = await bus.request(rpc("archive", "written"), request.SerializeToString(), seconds_max=ANSWER_SECONDS_MAX)
        reply = WrittenReply.FromString(raw)
    except (BusError, DecodeError):
        return None
    return None if reply.error else {(row.key.owner, row.key.id): row.written_us for row in reply.rows}
