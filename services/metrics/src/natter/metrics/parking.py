"""Batches that this version cannot read, as a newer gateway may write them during an upgrade: noted for whoever can.

A note names an entry, which stays on the bus as long as all others do. Every metrics service looks at the notes of
others now and then: what it understands it writes, under a token of that entry.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from natter.bus.api import Bus, Entry
from natter.bus.kv import Bucket
from natter.bus.subjects import FACTS, PARKED
from natter.proto.v1.analytics_pb2 import StanzaFacts
from natter.storage.stanza_events import Malformed, Naming, Rows
from natter.telemetry import names

log = logging.getLogger(__name__)

SUBJECTS = "natter.facts.>"
PREFIX = "analytics"
# Notes that may stand there; what is beyond is given up.
NOTES_MAX = 1000

Insert = Callable[[Rows, str], Awaitable[None]]


@dataclass(slots=True)
class Parking:
    """`refused`: what this process has tried, with reason; noted at the next `note`."""

    bus: Bus
    naming: Naming
    # At most NOTES_MAX: who refuses more forgets which were the first, and tries them once more.
    refused: dict[int, str] = field(default_factory=dict)
    _noted: set[int] = field(default_factory=set)

    def add(self, rows: Rows, entry: Entry) -> bool:
        """Append an entry's rows; False where it cannot be read."""
        try:
            rows.extend(StanzaFacts.FromString(entry.payload), self.naming)
        except (DecodeError, Malformed) as error:
            if entry.sequence not in self.refused:
                names.POISON.add(FACTS)
                log.error("facts entry %d is not for this version: %s", entry.sequence, type(error).__name__)
            self.refused[entry.sequence] = type(error).__name__
            return False
        return True

    async def note(self, generation: str) -> bool:
        """Write down what was refused since. Done twice it is as done once."""
        new = sorted(self.refused.keys() - self._noted)
        if not new:
            return True
        bucket = Bucket(self.bus, PARKED)
        room = NOTES_MAX - len(await bucket.values(f"{PREFIX}.*"))
        for sequence in new:
            if room > 0:
                about = {"js_stream": FACTS, "sequence": sequence, "reason": self.refused[sequence]}
                await bucket.put(f"{PREFIX}.{sequence}", json.dumps({**about, "generation": generation}).encode())
                room -= 1
            else:
                names.BATCHES_LOST.add()
            self._noted.add(sequence)
        while len(self.refused) > NOTES_MAX:
            oldest = min(self.refused)
            del self.refused[oldest]
            self._noted.discard(oldest)
        return True

    async def look(self, generation: str, insert: Insert) -> bool:
        """Write what others have noted, where this version understands it."""
        bucket = Bucket(self.bus, PARKED)
        for value in await bucket.values(f"{PREFIX}.*"):
            note = json.loads(value.value)
            sequence = int(note["sequence"])
            # In another life of the js_stream the number meant something else.
            if sequence in self.refused or note["generation"] != generation:
                continue
            rows = Rows()
            found = await self.bus.read(FACTS, SUBJECTS, after=sequence - 1, limit=1)
            if not found or found[0].sequence != sequence:
                # Too old: the bus has forgotten it.
                names.BATCHES_LOST.add()
            elif self.add(rows, found[0]):
                await insert(rows, f"{generation}.parked.{sequence}")
            else:
                self._noted.add(sequence)
                continue
            await bucket.delete(value.key)
        return True
