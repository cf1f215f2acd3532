"""Reading the logs for a question: which messages have an id, and every trace of one.  Costs only who asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final

from natter.bus import plain, subjects
from natter.bus.api import Bus, Dated
from natter.bus.factrows import FactRow, messages_of
from natter.bus.kv import Bucket
from natter.proto.v1.accounts_pb2 import AccountEvents
from natter.proto.v1.bus_pb2 import Checkpoint, Frame, SessionRecord
from natter.xmpp.jid import bare_of

from .sighting import Cause, Role, Sighting, found_by, messages_in, role, same
from .story import Known
from .written import written

# Entries of one read. One entry has 256 KiB at most.
PAGE_ENTRIES: Final = 128
# Clocks of gateways may be that far from that of NATS.
SLACK_US: Final = 5_000_000
# Sightings of one message; a room of ten thousand has one for each gateway.
SIGHTINGS_MAX: Final = 2000
# Rows of one sender that could be about it.
ROWS_MAX: Final = 20_000
# Messages told of in one answer.
FOUND_MAX: Final = 10
# js_streams that have frames.
FRAMES: Final = (subjects.LANES, subjects.SHARDS, subjects.ARCHIVE, subjects.DELIVERIES)
EVERY: Final = "natter.>"
# What the ids of archives look like: those of users, those of rooms. They stand where the archive's do first.
_OF_USERS: Final = re.compile(r"[0-9a-f]{24}\Z")
_OF_ROOMS: Final = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """A message that an id names. `frame` as it stands where it was found, whose `session` is "" in a room's."""

    by: str
    frame: Frame
    log: str


@dataclass(slots=True)
class Traces:
    """All there is of one message. `cut`: reading took too long, and there may be more."""

    said: Frame
    sightings: list[Sighting] = field(default_factory=list)
    rows: dict[str, list[FactRow]] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs of a running system."""

    bus: Bus

    async def named(self, id: str) -> list[Found]:
        """The newest messages that `id` names, the newest first; of one log only, since the others have the same."""
        order = [subjects.LANES, subjects.ARCHIVE, subjects.DELIVERIES]
        if _OF_USERS.match(id):
            order = [subjects.ARCHIVE, subjects.LANES, subjects.DELIVERIES]
        elif _OF_ROOMS.match(id):
            order = [subjects.DELIVERIES, subjects.LANES, subjects.ARCHIVE]
        needle = id.encode()
        for stream in order:
            found: dict[tuple[str, int, int], Found] = {}
            async for page in self._backwards(stream):
                for dated in reversed(page):
                    if needle in dated.entry.payload:
                        _add(found, dated, id)
                if found:
                    return list(found.values())[:FOUND_MAX]
        return []

    async def traces(self, found: Frame, seconds_max: float) -> Traces:
        """Every frame and row of a message, from its acceptance on."""
        traces = Traces(found)
        try:
            async with asyncio.timeout(seconds_max):
                await self._frames(traces)
                await self._rows(traces)
        except TimeoutError:
            traces.cut = True
        return traces

    async def known(self, traces: Traces, now_us: int) -> Known:
        """What stands in buckets about the places where the message was seen."""
        positions = Bucket(self.bus, subjects.POSITIONS)
        logs = {one.log.removeprefix("shard.") for one in traces.sightings}
        found = {}
        for log in logs:
            value = await positions.get(log)
            if value is not None:
                found[log] = _position(value.value)
        jids = {}
        accounts = {bare_of(jid) for one in traces.sightings for jid in (one.frame.to, one.frame.sender) if jid}
        sessions = Bucket(self.bus, subjects.SESSIONS)
        for account in accounts:
            for value in await sessions.values(f"{subjects.token(account)}.*"):
                record = SessionRecord.FromString(value.value)
                jids[record.session] = record.jid
        checkpoints = {}
        for log in logs:
            if log.startswith("deliver."):
                gateway = log.removeprefix("deliver.")
                values = await Bucket(self.bus, subjects.CHECKPOINTS).values(f"{gateway}.*")
                checkpoints[gateway] = [Checkpoint.FromString(value.value) for value in values]
        absent = {one.frame.offline for one in traces.sightings if one.frame.offline}
        removed_us = {account: await self._removed_us(account) for account in absent}
        return Known(
            now_us,
            found,
            jids,
            removed_us,
            traces.rows,
            Acknowledgements(checkpoints),
            await written(self.bus, traces.sightings),
        )

    async def _removed_us(self, account: str) -> int:
        """When an account was removed last; 0: never."""
        journal = subjects.journal("account", account.partition("@")[0])
        entries = await self.bus.read(subjects.JOURNALS, journal)
        events = [event for entry in entries for event in AccountEvents.FromString(entry.payload).events]
        return max((event.removed.time_us for event in events if event.HasField("removed")), default=0)

    async def begins_us(self, stream: str) -> int:
        """When the oldest entry of a js_stream was stored; 0: it has forgotten nothing."""
        first = await self.bus.dated(stream, EVERY, limit=1)
        return first[0].stored_us if first and first[0].entry.sequence > 1 else 0

    async def _backwards(self, stream: str) -> AsyncIterator[list[Dated]]:
        usage = await self.bus.usage(stream)
        high = usage.last_sequence
        while high and high >= usage.first_sequence:
            low = max(usage.first_sequence, high - PAGE_ENTRIES + 1)
            page = await self.bus.dated(stream, EVERY, after=low - 1, limit=PAGE_ENTRIES)
            # Logins get their turn.
            await asyncio.sleep(0)
            yield [dated for dated in page if dated.entry.sequence <= high]
            high = low - 1

    async def _since(self, stream: str, since_us: int) -> AsyncIterator[list[Dated]]:
        page = await self.bus.dated(stream, EVERY, since_us=since_us, limit=PAGE_ENTRIES)
        while page:
            await asyncio.sleep(0)
            yield page
            page = await self.bus.dated(stream, EVERY, after=page[-1].entry.sequence, limit=PAGE_ENTRIES)

    async def _frames(self, traces: Traces) -> None:
        """Lanes first: what others say of the message, they say by its place there."""
        needle = plain.shared(0, traces.said.accepted_us)
        causes: set[Cause] = set()
        for stream in FRAMES:
            async for page in self._since(stream, traces.said.accepted_us - SLACK_US):
                for dated in page:
                    if needle not in dated.entry.payload or len(traces.sightings) >= SIGHTINGS_MAX:
                        continue
                    every = list(messages_in(dated))
                    if not traces.said.session and stream == subjects.LANES:
                        _recognise(traces, every)
                    for one in every:
                        found = role(traces.said, one, causes)
                        if found is None:
                            continue
                        traces.sightings.append(one)
                        if same(traces.said, one.frame) and one.cause[1]:
                            causes.add(one.cause)
                        if found is Role.SAID and not one.frame.returned:
                            traces.said = one.frame

    async def _rows(self, traces: Traces) -> None:
        senders = {bare_of(one.frame.sender) for one in traces.sightings} | {bare_of(traces.said.sender)}
        needles = {sender: sender.encode() for sender in senders if sender}
        async for page in self._since(subjects.FACTS, traces.said.accepted_us - SLACK_US):
            for dated in page:
                for sender, needle in needles.items():
                    if needle in dated.entry.payload:
                        kept = traces.rows.setdefault(sender, [])
                        kept += [row for row in messages_of(dated.entry.payload, sender) if _could_be(traces, row)]
                        del kept[ROWS_MAX:]


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """What gateways have last said of their sessions under stream management (XEP-0198)."""

    checkpoints: dict[str, list[Checkpoint]]

    def __call__(self, gateway: str, session: str, entry: int, position: int) -> bool | None:
        """Whether the session's client has acknowledged what stands there; None: nobody knows."""
        for part in self.checkpoints.get(gateway, ()):
            if part.delivered < entry:
                continue
            for state in part.sessions:
                if state.session == session and not state.since:
                    return (entry << 16 | position) not in state.places
        return None


def _add(found: dict[tuple[str, int, int], Found], dated: Dated, id: str) -> None:
    for one in reversed(list(messages_in(dated))):
        by = found_by(one.frame, id)
        if by:
            key = (one.frame.session, one.frame.inbound, one.frame.accepted_us)
            found.setdefault(key, Found(by, one.frame, one.log))


def _recognise(traces: Traces, every: Iterable[Sighting]) -> None:
    """It was found as what a room has made of it: which message of a lane was that?"""
    said = traces.said
    for one in every:
        frame = one.frame
        if frame.accepted_us == said.accepted_us and frame.id == said.id and bare_of(frame.to) == bare_of(said.sender):
            traces.said = frame
            return


def _could_be(traces: Traces, row: FactRow) -> bool:
    """Rows of other messages of the same sender are many."""
    accepted_us = traces.said.accepted_us
    # What left before it was written is not known by the time of its acceptance.
    return row.accepted_us == accepted_us or (row.outcome == "dropped:session-left" and row.time_us >= accepted_us)


def _position(value: bytes) -> int:
    """A shard's position may be followed by a note, a gateway's be marked as taken for dead."""
    words = value.removeprefix(subjects.TAKEN_FOR_DEAD).split()
    return int(words[0]) if words and words[0].isdigit() else 0
