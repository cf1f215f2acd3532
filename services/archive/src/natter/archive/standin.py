"""A shard without its database: messages stay in the log, and who asks is told to try again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from natter.bus.api import Entry
from natter.bus.directory import Directory
from natter.bus.sender import Senders
from natter.bus.shard import Shard
from natter.bus.subjects import deliver
from natter.proto.v1.bus_pb2 import KIND_IQ
from natter.telemetry import names

from . import replies
from .batch import items


class StandIn:
    """The holder's worker for one shard, until `back` returns: then the shard is opened again."""

    def __init__(
        self, shard: Shard, directory: Directory, senders: Senders, back: Callable[[], Awaitable[object]]
    ) -> None:
        self._shard = shard
        self._directory = directory
        self._senders = senders
        self._task = asyncio.create_task(self._until(back))

    def take(self, entry: Entry) -> None:
        """One envelope of the log. The position stays where it is: all of it comes again."""
        try:
            found = items(entry, {})
        except ValueError:
            names.POISON.add("ARCHIVE")
            return
        for item in found:
            frame = item.frame
            asker = self._directory.by_session(frame.session) if frame.kind == KIND_IQ else None
            if asker is not None and frame.type in ("get", "set"):
                self._senders.add(deliver(asker.gateway), replies.unable(frame))

    async def close(self) -> None:
        """Stop."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._senders.drain()
        await self._senders.close()

    async def _until(self, back: Callable[[], Awaitable[object]]) -> None:
        await back()
        self._shard.restart()
