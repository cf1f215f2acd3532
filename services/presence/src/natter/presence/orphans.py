"""Deliveries that a dead gateway did not write any more: back into the lanes, so that none of them vanishes.

A gateway that is told to end does this itself. One that was killed leaves its log, and the position up to which sockets
have taken it; what stands behind that may have reached its client, so it comes at least once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from zlib import crc32

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.directory import Directory, Session
from natter.bus.kv import Bucket
from natter.bus.last_word import last_word
from natter.bus.returning import as_lane_frame, returnable
from natter.bus.sender import Senders
from natter.bus.series import envelope_of
from natter.proto.v1 import bus_pb2
from natter.telemetry import names
from natter.xmpp.element import attr_escape

log = logging.getLogger(__name__)

PAGE_ENTRIES = 100


def lane_of(source: str, lanes: int) -> int:
    """The lane that a delivery came from; any, but always the same, for what came from elsewhere."""
    kind, _, number = source.partition(".")
    return (
        int(number) if kind == "lane" and number.isdigit() and int(number) < lanes else crc32(source.encode()) % lanes
    )


class Orphans:
    """Hands back what gateways have left. `lanes` is how many there are."""

    def __init__(self, bus: Bus, directory: Directory, lanes: int) -> None:
        self._bus = bus
        self._directory = directory
        self._lanes = lanes
        self._positions = Bucket(bus, subjects.POSITIONS)

    async def gateways(self) -> set[str]:
        """The incarnations that have left a position, the living among them."""
        prefix = subjects.delivered("")
        return {value.key[len(prefix) :] for value in await self._positions.values(f"{prefix}*")}

    async def end(self, sessions: Iterable[Session]) -> None:
        """Say the last word of sessions whose gateway is gone, each in its lane, behind everything that it has said.

        Before they leave the directory: services take the word of a session that is not there for a stranger's.
        """
        senders = Senders(self._bus, "orphans.ended", f"orphans.{secrets.token_hex(8)}")
        try:
            for session in sessions:
                senders.add(subjects.lane(session.lane), ended_frame(session))
            await senders.drain()
        finally:
            await senders.close()

    async def hand_back(self, gateway: str) -> int:
        """Put what nobody has into the lanes it came from, then forget the gateway; how many frames."""
        key = subjects.delivered(gateway)
        found = await self._positions.get(key)
        if found is None:
            return 0
        # From here on the gateway, should it only have stood still, knows that it was taken for dead.
        after = found.value.removeprefix(subjects.TAKEN_FOR_DEAD)
        revision = await self._positions.update(key, subjects.TAKEN_FOR_DEAD + after, found.revision)
        senders = Senders(self._bus, f"orphans.{gateway}", f"orphans.{secrets.token_hex(8)}")
        try:
            count = await self._read(gateway, int(after), senders)
            await senders.drain()
        finally:
            await senders.close()
        await self._positions.delete(key, revision)
        if count:
            log.warning("%s is gone: %d deliveries were handed back", gateway, count)
        return count

    async def _read(self, gateway: str, after: int, senders: Senders) -> int:
        count = 0
        while True:
            entries = await self._bus.read(
                subjects.DELIVERIES, subjects.deliver(gateway), after=after, limit=PAGE_ENTRIES
            )
            for entry in entries:
                envelope = envelope_of(entry.payload)
                lane = subjects.lane(lane_of(envelope.source, self._lanes))
                for frame in envelope.frames:
                    if self._is_orphan(frame):
                        senders.add(lane, as_lane_frame(frame))
                        count += 1
            # A page at a time: what waits stays bounded.
            await senders.drain()
            if len(entries) < PAGE_ENTRIES:
                names.PRESENCE_ORPHANS.add(by=count)
                return count
            after = entries[-1].sequence

    def _is_orphan(self, frame: bus_pb2.Frame) -> bool:
        """Not what is owed to nobody, nor what is for a session that lives on at another gateway."""
        return returnable(frame) and not any(self._directory.by_session(name) for name in frame.sessions)


def ended_frame(session: Session) -> bus_pb2.Frame:
    """As its gateway would have said it; it may be in any room."""
    stanza = f"<presence from='{attr_escape(session.jid)}' type='unavailable'/>".encode()
    return last_word(session.session, session.jid, stanza, rooms=(1 << subjects.ROOM_BITS) - 1)
