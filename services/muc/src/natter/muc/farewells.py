"""Sessions that are available no more: they leave their rooms, whether they said so or vanished without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from natter.bus.directory import Directory
from natter.proto.v1 import bus_pb2

from .occupancy import Occupancy
from .room.request import PRESENCE, Cause
from .shardwork import Input


@dataclass(slots=True, kw_only=True)
class Farewells:
    """Of one shard. `put` takes what a session that vanished would have said."""

    directory: Directory
    occupancy: Occupancy
    seconds: float
    now_us: Callable[[], int]
    put: Callable[[list[Input]], None]
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)

    def start(self) -> None:
        """Look for sessions that vanished before."""
        for jid, session, _ in list(self.occupancy.sessions()):
            if self.directory.by_session(session) is None:
                self.gone(jid, session)

    def close(self) -> None:
        """Wait for nobody any more."""
        for timer in self._timers:
            timer.cancel()

    def gone(self, jid: str, session: str) -> None:
        """A session has ended: if it does not say good-bye soon, it leaves its rooms all the same."""
        if not self.occupancy.rooms(jid, session):
            return
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def farewell() -> None:
            self._timers.discard(timer)
            if self.directory.by_session(session) is None:
                self.put(self._vanished(jid, session))

        timer = loop.call_later(self.seconds, farewell)
        self._timers.add(timer)

    def said(self, word: Input) -> list[Input]:
        """`unavailable` without an address, once for each room of this shard that the session is in. ADR 18."""
        frame = word.frame
        rooms = self.occupancy.rooms(frame.sender, frame.session)
        return [Input(_to(frame, room), word.cause, word.position, word.taken_us) for room in rooms]

    def _vanished(self, jid: str, session: str) -> list[Input]:
        now_us = self.now_us()
        frame = bus_pb2.Frame(kind=PRESENCE, type="unavailable", sender=jid, stanza=b"<presence type='unavailable'/>")
        rooms = self.occupancy.rooms(jid, session)
        return [Input(_to(frame, room), Cause(), 0, now_us, vanished=session) for room in rooms]


def _to(frame: bus_pb2.Frame, room: str) -> bus_pb2.Frame:
    own = bus_pb2.Frame()
    own.CopyFrom(frame)
    own.to = room
    return own
