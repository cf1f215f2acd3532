"""Commands that take a moment: done one after the other for each user, answered when they are safe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from natter.bus.api import BusError
from natter.bus.blocklists import Blocklists
from natter.bus.directory import Directory
from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import blocking as shapes

from .xeps import blocking

log = logging.getLogger(__name__)

# Commands under way or waiting, of all users; more are refused.
ORDERS_MAX: Final = 10_000

# Takes the frames that follow, each with the gateway it is for.
Done = Callable[[list[tuple[str, Frame]]], None]


@dataclass(slots=True)
class Orders:
    """Of all lanes of this process."""

    blocklists: Blocklists
    directory: Directory
    # The last command of each user, while it is under way.
    _last: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _count: int = 0

    def take(self, frame: Frame, gateway: str, done: Done) -> None:
        """Begin. `gateway` has the session that asks; `done` is called once."""
        if self._count >= ORDERS_MAX:
            done([(gateway, blocking.refusal(frame, "resource-constraint"))])
            return
        owner = bare_of(frame.sender)
        self._count += 1
        task = asyncio.get_running_loop().create_task(self._work(frame, gateway, done, self._last.get(owner)))
        self._last[owner] = task
        task.add_done_callback(lambda ended: self._ended(owner, ended))

    def _ended(self, owner: str, task: asyncio.Task[None]) -> None:
        self._count -= 1
        if self._last.get(owner) is task:
            del self._last[owner]

    async def _work(self, frame: Frame, gateway: str, done: Done, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait((before,))
        try:
            follows = await self._follows(frame, bare_of(frame.sender), gateway)
        except blocking.Refused as refused:
            follows = [(gateway, blocking.refusal(frame, str(refused)))]
        except BusError:
            follows = [(gateway, blocking.refusal(frame, "internal-server-error"))]
        except Exception as error:
            # What was asked stays out of the log.
            log.error("a command failed: %s", type(error).__name__)
            follows = [(gateway, blocking.refusal(frame, "internal-server-error"))]
        done(follows)

    async def _follows(self, frame: Frame, owner: str, gateway: str) -> list[tuple[str, Frame]]:
        if frame.payload == shapes.BLOCKLIST:
            return [(gateway, blocking.listing(frame, self.blocklists.of(owner)))]
        await self.blocklists.change(owner, blocking.edit_of(frame))
        # XEP-0191 §3.3: the result, and a push to every resource that has asked for the list.
        return [(gateway, blocking.answer(frame))] + [
            (session.gateway, blocking.push(frame, session.jid, session.session))
            for session in self.directory.sessions(owner).values()
            if session.blocklist
        ]
