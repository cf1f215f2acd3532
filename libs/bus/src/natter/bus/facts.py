"""Stanza metadata on its way to the metrics service: rows are appended here and leave once a second, in columns.

A hot path: `add` is one tuple and one append, about 0.3 µs. Everything else happens at the flush, over whole columns.
The bus being away costs rows, after a bounded wait; it never costs a stanza.
"""

from __future__ import annotations

import asyncio
import secrets
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import itemgetter

from natter.proto.v1 import analytics_pb2, bus_pb2
from natter.telemetry import names

from .api import Bus, BusError
from .subjects import facts

ROWS_MAX = 2000  # a batch of this many leaves at once
# Or of this many rows, those of series counted one by one: four bytes each.
SERIES_ROWS_MAX = 40_000
# Or of this many recipients beside the first of each row. One frame holds less than 40,000: names stay below 64 Ki.
OTHERS_MAX = 20_000
FLUSH_SECONDS = 1.0  # and a smaller one after this long
BATCH_BYTES_MAX = 512 << 10  # a batch that encodes to more is split: NATS takes 1 MiB
BATCHES_WAITING_MAX = 16  # beyond that, new rows are dropped and counted
# A batch is given up after this long. Below the js_stream's deduplication window (120 s): a repeated publish within it
# is stored once, after it the rows could count twice.
WAIT_SECONDS_MAX = 90.0
RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0)

U32_MAX = (1 << 32) - 1
NAME_CHARACTERS_MAX = 2048

# RFC 6120 §8.2.3 and RFC 6121 §4.7.1, §5.2.2. Any other `type` is the client's invention and stands as "other".
MESSAGE_TYPES = ("", "normal", "chat", "groupchat", "headline", "error")
PRESENCE_TYPES = ("unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe")
IQ_TYPES = ("get", "set", "result")
TYPES = frozenset((*MESSAGE_TYPES, *PRESENCE_TYPES, *IQ_TYPES))

# time_us, kind, type, direction, outcome, transport, sender, to, bytes, latency_us, trace_id
Row = tuple[int, int, str, int, str, str, str, str, int, int, str]
# The number of a row in its batch, and who got the same stanza beside its `to`. In rising order.
Broadcast = tuple[int, Sequence[str]]
# Rows that differ in nothing but bytes, and those of each. Without a trace.
Alike = tuple[Row, Sequence[int]]


class FactsWriter:
    """Collects the rows of one process. Use it on the event loop's thread; nothing to start."""

    def __init__(self, bus: Bus, instance: str, *, wait_seconds_max: float = WAIT_SECONDS_MAX) -> None:
        self.instance = f"{instance}-{secrets.token_hex(4)}"
        self._bus = bus
        self._subject = facts(instance)
        self._wait_seconds_max = wait_seconds_max
        self._sequence = 1
        self._rows: list[Row] = []
        self._broadcasts: list[Broadcast] = []
        self._others = 0
        self._alike: list[Alike] = []
        self._alike_rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Task[None]] = set()

    def add(
        self,
        *,
        time_us: int,
        kind: int,
        type: str,
        direction: int,
        outcome: str,
        sender: str,
        to: str,
        bytes: int,
        latency_us: int,
        trace_id: str = "",
        transport: str = "",
        others: Sequence[str] = (),
    ) -> None:
        """Append one row. `kind` as in natter.v1.Kind, `direction` 0 in and 1 out; resources are cut off on the way.

        `others`: who got the same stanza beside `to`. It is kept as it is until it is sent: give it away.
        """
        rows = self._rows
        rows.append((time_us, kind, type, direction, outcome, transport, sender, to, bytes, latency_us, trace_id))
        count = len(rows)
        if others:
            self._broadcasts.append((count - 1, others))
            self._others += len(others)
            if self._others >= OTHERS_MAX:
                self.flush()
                return
        if count == 1 and not self._alike:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        elif count >= ROWS_MAX:
            self.flush()

    def ended(self, frame: bus_pb2.Frame, outcome: str, now_us: int, trace_id: str = "") -> None:
        """`add` for a stanza of which nothing arrives."""
        self.add(
            time_us=now_us,
            kind=frame.kind,
            type=frame.type,
            direction=0,
            outcome=outcome,
            sender=frame.sender,
            to=frame.to,
            bytes=len(frame.stanza),
            latency_us=max(0, now_us - frame.accepted_us) if frame.accepted_us else 0,
            trace_id=trace_id,
        )

    def extend(self, rows: Sequence[Row]) -> None:
        """`add` for rows that are made already: a third of its price."""
        known = self._rows
        if known and len(known) + len(rows) < ROWS_MAX:
            known += rows
            return
        for at in range(0, len(rows), ROWS_MAX):
            if not self._rows and not self._alike:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
            self._rows += rows[at : at + ROWS_MAX]
            if len(self._rows) >= ROWS_MAX:
                self.flush()

    def repeat(self, row: Row, sizes: Sequence[int]) -> None:
        """Append one row for each of `sizes`, which stand in the place of its bytes. Give the list away."""
        if not self._rows and not self._alike:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._alike.append((row, sizes))
        self._alike_rows += len(sizes)
        if self._alike_rows >= SERIES_ROWS_MAX or len(self._alike) >= ROWS_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what was added. Returns at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, []
        broadcasts, self._broadcasts = self._broadcasts, []
        others, self._others = self._others, 0
        alike, self._alike = self._alike, []
        count, self._alike_rows = len(rows) + others + self._alike_rows, 0
        if not count:
            return
        if len(self._waiting) >= BATCHES_WAITING_MAX:
            names.FACTS_DROPPED.add(by=count)
            return
        for payload, first, part in batches(rows, broadcasts, self.instance, self._sequence, alike):
            task = asyncio.ensure_future(self._send(payload, first, part))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        self._sequence += count

    async def close(self, *, seconds_max: float = 2.0) -> None:
        """Send what is left; what the bus does not take in time is dropped and counted."""
        self.flush()
        if self._waiting:
            _, late = await asyncio.wait(self._waiting, timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _send(self, payload: bytes, first: int, count: int) -> None:
        """Publish until it is stored, always with the same message id: unknown is not failed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds_max
        attempt = 0
        stored = False
        try:
            while not stored:
                try:
                    await self._bus.publish(self._subject, payload, msg_id=f"{self.instance}.{first}")
                    stored = True
                except BusError:
                    pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                    if loop.time() + pause > deadline:
                        break
                    await asyncio.sleep(pause)
                    attempt += 1
        finally:
            if not stored:
                names.FACTS_DROPPED.add(by=count)


def batches(
    rows: Sequence[Row], broadcasts: Sequence[Broadcast], instance: str, first: int, alike: Sequence[Alike] = ()
) -> Iterable[tuple[bytes, int, int]]:
    """(payload, sequence of its first row, number of recipients): one, or more where long JIDs make it too large."""
    payload = encode(rows, instance, first, broadcasts, alike)
    if len(payload) <= BATCH_BYTES_MAX or len(rows) + len(alike) == 1:
        return [(payload, first, stanzas(rows, broadcasts, alike))]
    half, middle = len(rows) // 2, len(alike) // 2
    cut = bisect_left(broadcasts, half, key=itemgetter(0))
    early, late = broadcasts[:cut], [(row - half, others) for row, others in broadcasts[cut:]]
    then = first + stanzas(rows[:half], early, alike[:middle])
    before = batches(rows[:half], early, instance, first, alike[:middle]) if then > first else ()
    return chain(before, batches(rows[half:], late, instance, then, alike[middle:]))


def stanzas(rows: Sequence[Row], broadcasts: Sequence[Broadcast], alike: Sequence[Alike] = ()) -> int:
    """One for every recipient."""
    return len(rows) + sum(len(others) for _, others in broadcasts) + sum(len(sizes) for _, sizes in alike)


def encode(
    rows: Sequence[Row],
    instance: str,
    first: int,
    broadcasts: Sequence[Broadcast] = (),
    alike: Sequence[Alike] = (),
) -> bytes:
    """The rows as natter.v1.StanzaFacts. Every string stands once; JIDs are bare."""
    columns = zip(*rows, *(row for row, _ in alike), strict=True)
    time_us, kind, type_, direction, outcome, transport, sender, to, size, latency, traces = columns
    everybody = list(chain.from_iterable(others for _, others in broadcasts))
    many = {row: len(others) for row, others in broadcasts}
    index: dict[str, int] = {}
    types = {t: index.setdefault(t if t in TYPES else "other", len(index)) for t in dict.fromkeys(type_)}
    words = {w: index.setdefault(w, len(index)) for w in dict.fromkeys(chain(outcome, transport))}
    jids = {
        jid: index.setdefault(jid.partition("/")[0][:NAME_CHARACTERS_MAX], len(index))
        for jid in dict.fromkeys(chain(sender, to, everybody))
    }
    traced = [i for i, trace in enumerate(traces) if trace]
    counts = [len(sizes) for _, sizes in alike]
    single = len(rows)

    def indexes(found: dict[str, int], words: Sequence[str]) -> bytes:
        return column("H", map(found.__getitem__, words))

    return analytics_pb2.StanzaFacts(
        instance=instance,
        sequence=first,
        rows=single + sum(counts),
        time_us=column("Q", time_us),
        kind=column("B", kind),
        direction=column("B", direction),
        type=indexes(types, type_),
        outcome=indexes(words, outcome),
        transport=indexes(words, transport),
        sender=indexes(jids, sender),
        to=indexes(jids, to),
        size=b"".join((clipped(size[:single]), *(clipped(sizes) for _, sizes in alike))),
        latency_us=column("I", bounded(latency)),
        traced=column("H", traced),
        trace_id=[traces[i] for i in traced],
        names=list(index),
        others=column("I", (many.get(i, 0) for i in range(len(time_us)))) if many else b"",
        others_to=column("H", map(jids.__getitem__, everybody)),
        alike=column("H", chain(repeat(1, single), counts)) if counts else b"",
    ).SerializeToString()


def column(code: str, values: Iterable[int]) -> bytes:
    """Fixed-width numbers one after another, little-endian."""
    return array(code, values).tobytes()


def clipped(values: Sequence[int]) -> bytes:
    """A u32 column."""
    if isinstance(values, array) and values.typecode == "I":
        return values.tobytes()
    try:
        return column("I", values)
    except OverflowError:
        return column("I", bounded(values))


def bounded(values: Sequence[int]) -> Sequence[int]:
    """Numbers of 32 bits. A clock that was set back gives a negative latency: 0."""
    if values and (min(values) < 0 or max(values) > U32_MAX):
        return [min(max(v, 0), U32_MAX) for v in values]
    return values
