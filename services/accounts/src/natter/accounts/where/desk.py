"""Where is my message? The question as a request on the bus, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from google.protobuf.message import DecodeError
from natter.bus import subjects
from natter.bus.api import BusError
from natter.proto.v1.where_pb2 import Whereabouts, WhereReply, WhereRequest
from natter.telemetry import names

from .logs import FRAMES, Found, Logs, Traces
from .story import Known, tell

# RFC 6120 §8.1.3 knows no bound; a question has one.
ID_CHARACTERS_MAX: Final = 1024
# Questions under way at once; others wait for their turn, and for the seconds that they have.
QUESTIONS_AT_ONCE_MAX: Final = 2
SEARCH_SECONDS_MAX: Final = 20.0
TRACE_SECONDS_MAX: Final = 8.0


class Declined(Exception):
    """Why there is no answer: a condition and a sentence."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(text)
        self.condition = condition
        self.text = text


@dataclass(slots=True)
class Desk:
    """Any instance answers. `now_us` is Unix time in microseconds."""

    logs: Logs
    now_us: Callable[[], int]
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS_AT_ONCE_MAX))

    async def handle(self, payload: bytes) -> bytes:
        """natter.rpc.accounts.where: WhereRequest in, WhereReply out, always."""
        try:
            reply = await self.answer(WhereRequest.FromString(payload).id)
        except DecodeError:
            reply = WhereReply(error="bad-request", text="not a WhereRequest")
        except Declined as declined:
            reply = WhereReply(error=declined.condition, text=declined.text)
        names.ACCOUNT_REQUESTS.add("where", reply.error or "done")
        return reply.SerializeToString()

    async def answer(self, id: str) -> WhereReply:
        """The messages that `id` names. Raises Declined."""
        if not id or len(id) > ID_CHARACTERS_MAX or not id.isprintable():
            raise Declined("bad-request", f"an id has 1 to {ID_CHARACTERS_MAX} characters that can be printed")
        try:
            async with asyncio.timeout(SEARCH_SECONDS_MAX), self._turns:
                found = await self.logs.named(id)
                if not found:
                    raise Declined("not-found", f"no message has this id in what is kept: {await self._kept()}")
                return WhereReply(found=[await self._told(one) for one in found])
        except TimeoutError:
            raise Declined("unavailable", f"reading the logs takes longer than {SEARCH_SECONDS_MAX:.0f} s") from None
        except BusError as error:
            raise Declined("unavailable", f"the logs cannot be read now: {type(error).__name__}") from None

    async def _told(self, found: Found) -> Whereabouts:
        traces = await self.logs.traces(found.frame, TRACE_SECONDS_MAX)
        now_us = self.now_us()
        known = await self.logs.known(traces, now_us)
        story = tell(traces.said, traces.sightings, known)
        said = traces.said
        stanza_id = next(
            (one.frame.stanza_id for one in traces.sightings if one.frame.stanza_id), found.frame.stanza_id
        )
        return Whereabouts(
            found_by=found.by,
            stanza_id=stanza_id,
            id=said.id,
            type=said.type or "normal",
            sender=said.sender,
            to=said.to,
            accepted_us=said.accepted_us,
            end=story.end,
            reason=story.reason,
            events=story.events,
            notes=[note async for note in self._notes(traces, known)],
        )

    async def _notes(self, traces: Traces, known: Known) -> AsyncIterator[str]:
        if known.written is None:
            yield "The archive does not answer: archived is what it has worked off."
        if traces.cut:
            yield f"Reading took longer than {TRACE_SECONDS_MAX:.0f} s: there may be more."
        for stream in (*FRAMES, subjects.FACTS):
            begins_us = await self.logs.begins_us(stream)
            if begins_us > traces.said.accepted_us:
                yield f"Older than what {stream} keeps, which begins at {at(begins_us)}."

    async def _kept(self) -> str:
        """Since when what is kept."""
        begins = [(stream, await self.logs.begins_us(stream)) for stream in FRAMES if stream != subjects.SHARDS]
        return ", ".join(f"{stream} since {at(us) if us else 'the beginning'}" for stream, us in begins)


def at(us: int) -> str:
    """A time for people and programs."""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
