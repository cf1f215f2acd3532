"""Rows of stanza metadata, as `facts.encode` has written them: the messages of one sender. For questions only."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from google.protobuf.message import DecodeError
from natter.proto.v1.analytics_pb2 import StanzaFacts
from natter.proto.v1.bus_pb2 import KIND_MESSAGE


@dataclass(frozen=True, slots=True)
class FactRow:
    """One message, as one process saw it. `tos`: bare JIDs of those who got it, or of the one it was for."""

    time_us: int
    type: str
    # Towards a client.
    out: bool
    outcome: str
    tos: tuple[str, ...]
    size: int
    # 0 where it is not known.
    latency_us: int

    @property
    def accepted_us(self) -> int:
        """When the message was accepted, as far as the row knows."""
        return self.time_us - self.latency_us


def messages_of(payload: bytes, sender: str) -> Iterator[FactRow]:
    """The rows of messages from the bare JID `sender`. Nothing where the payload is no batch of rows."""
    try:
        facts = StanzaFacts.FromString(payload)
        names = list(facts.names)
        if sender not in names:
            return
        number = names.index(sender)
        senders = column("H", facts.sender)
        # Of several rows that are alike only the sizes stand one by one.
        alike = column("H", facts.alike) if facts.alike else array("H", [1]) * len(senders)
        sizes = column("I", facts.size)
        for entry, (found, end) in enumerate(zip(senders, accumulate(alike), strict=True)):
            if found == number and facts.kind[entry] == KIND_MESSAGE:
                for size in sizes[end - alike[entry] : end]:
                    yield _row(facts, names, entry, size)
    except (DecodeError, ValueError, IndexError):
        return


def _row(facts: StanzaFacts, names: list[str], entry: int, size: int) -> FactRow:
    tos = [names[column("H", facts.to)[entry]]]
    if facts.others:
        counts = column("I", facts.others)
        end = list(accumulate(counts))[entry]
        tos += [names[place] for place in column("H", facts.others_to)[end - counts[entry] : end]]
    return FactRow(
        column("Q", facts.time_us)[entry],
        names[column("H", facts.type)[entry]],
        bool(facts.direction[entry]),
        names[column("H", facts.outcome)[entry]],
        tuple(tos),
        size,
        column("I", facts.latency_us)[entry],
    )


def column(code: str, data: bytes) -> array[int]:
    """Fixed-width numbers. ValueError."""
    return array(code, data)
