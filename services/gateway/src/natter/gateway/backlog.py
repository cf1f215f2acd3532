"""What a session is owed and memory does not hold: read back from the delivery log, by place (ADR 0011)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import Bus, BusError
from natter.bus.returning import keep
from natter.bus.series import envelope_of
from natter.proto.v1 import bus_pb2
from natter.telemetry.names import LIMITS_HIT
from natter.xmpp.element import insert_to

from .session import Session
from .unacked import READ_BACK_STANZAS, Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

log = logging.getLogger(__name__)

# Entries read at once; each has up to 256 KiB.
READ_ENTRIES = 32
RETRY_SECONDS = 0.5


async def envelopes(bus: Bus, name: str, sequences: Iterable[int]) -> AsyncIterator[tuple[int, bus_pb2.Envelope]]:
    """The entries of a gateway's log that have these sequences, in order; those that are gone are left out."""
    wanted = sorted(set(sequences))
    while wanted:
        entries = await bus.read(subjects.DELIVERIES, subjects.deliver(name), after=wanted[0] - 1, limit=READ_ENTRIES)
        if not entries:
            return
        here = set(wanted)
        for entry in entries:
            if entry.sequence in here:
                yield entry.sequence, envelope_of(entry.payload)
        wanted = [sequence for sequence in wanted if sequence > entries[-1].sequence]


def frame_for(frame: bus_pb2.Frame, session: str) -> bus_pb2.Frame:
    """A frame of the log as one session gets it."""
    own = keep(frame)
    if frame.tos:
        # The gateway writes a broadcast's `to`; one that is passed on is whole.
        to = frame.tos[list(frame.sessions).index(session)]
        own.stanza = insert_to(frame.stanza, to)
        del own.tos[:]
        if own.kind == bus_pb2.KIND_MESSAGE and own.type != "groupchat":
            own.to = to
    own.sessions[:] = [session]
    return own


async def frames_at(bus: Bus, name: str, session: str, places: Sequence[int]) -> Mapping[int, bus_pb2.Frame]:
    """What stands at these places of a gateway's log for a session, by place. Raises `BusError`."""
    by_entry: dict[int, list[int]] = {}
    for place in places:
        by_entry.setdefault(place >> 16, []).append(place)
    found = {}
    async for sequence, envelope in envelopes(bus, name, by_entry):
        for place in by_entry[sequence]:
            found[place] = frame_for(envelope.frames[place & 0xFFFF], session)
    return found


def look(gateway: Gateway, session: Session) -> None:
    """The client has acknowledged something, or is back: is it time to read on?"""
    outbox = session.outbox
    if isinstance(outbox, Unacked) and outbox.backlog and not outbox.reading and outbox.wanted():
        outbox.reading = True
        gateway.spawn(_read_back(gateway, session, outbox))


async def _read_back(gateway: Gateway, session: Session, outbox: Unacked) -> None:
    try:
        while not session.over and (places := outbox.wanted()):
            try:
                found = await frames_at(gateway.bus, gateway.incarnation, session.id, places)
            except BusError as error:
                log.debug("a backlog cannot be read: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if session.over or not outbox.attached:
                return
            for place in places:
                if place in found:
                    outbox.read_back(place, found[place].stanza, found[place])
                elif outbox.lost(place):
                    # Older than the log reaches: longer than a session can be resumed.
                    LIMITS_HIT.add("backlog")
            if outbox.unasked and outbox.backlog:
                # The rest comes when the client has said that it has this.
                outbox.ask()
            if not session.awake:
                gateway.wake(session)
    finally:
        outbox.reading = False


async def rest(gateway: Gateway, session: Session) -> AsyncIterator[list[bus_pb2.Frame]]:
    """What is left of a session that is over, a part at a time. Tries until it can be read."""
    outbox = session.outbox
    while isinstance(outbox, Unacked) and outbox.backlog:
        places = outbox.backlog[:READ_BACK_STANZAS]
        try:
            found = await frames_at(gateway.bus, gateway.incarnation, session.id, places)
        except BusError:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if len(found) < len(places):
            LIMITS_HIT.add("backlog", by=len(places) - len(found))
        del outbox.backlog[: len(places)]
        yield [found[place] for place in places if place in found]
