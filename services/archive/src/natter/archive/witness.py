"""What is in archives and since when, for who tells where a message is (ADR 0019)."""

from __future__ import annotations

import logging
from typing import Final

from google.protobuf.message import DecodeError
from natter.proto.v1.archive_pb2 import ArchiveKey, WrittenReply, WrittenRequest, WrittenRow
from natter.storage.archive import Archive
from natter.storage.database import DatabaseError

log = logging.getLogger(__name__)

# Messages asked about at once.
KEYS_MAX: Final = 500


class Witness:
    """Of the whole database: any instance answers."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def written(self, payload: bytes) -> bytes:
        """natter.rpc.archive.written: WrittenRequest in, WrittenReply out, always."""
        return (await self._answer(payload)).SerializeToString()

    async def _answer(self, payload: bytes) -> WrittenReply:
        try:
            request = WrittenRequest.FromString(payload)
        except DecodeError:
            return WrittenReply(error="not a request")
        if not 0 < len(request.keys) <= KEYS_MAX:
            return WrittenReply(error=f"1 to {KEYS_MAX} keys")
        try:
            found = await self._archive.written([(key.owner, key.id) for key in request.keys])
        except DatabaseError as error:
            log.warning("nobody can look into archives now: %s", error)
            return WrittenReply(error="the database is away")
        rows = [WrittenRow(key=ArchiveKey(owner=o, id=id), written_us=us) for (o, id), us in found.items()]
        return WrittenReply(rows=rows)
