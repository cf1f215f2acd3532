"""One js_stream in memory: sequences, limits, deduplication and expiry as nats-server has them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

from .api import BusError, Dated, Entry, StreamFull, StreamSpec, Usage, WrongRevision
from .pattern import is_literal, matcher

# What nats-server's store adds to subject and payload.
OVERHEAD_BYTES = 30
INFINITY = float("inf")


class MemoryStream:
    """Entries by sequence, and the sequences of every subject, both ascending."""

    def __init__(self, spec: StreamSpec, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.spec = spec
        self.last_sequence = 0
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._subjects: dict[str, list[int]] = {}
        self._stored_at: dict[int, float] = {}
        self._deadlines: dict[int, float] = {}
        self._ids: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._bytes = 0
        self._next_deadline = INFINITY

    @property
    def spec(self) -> StreamSpec:
        """The configuration; may be replaced."""
        return self._spec

    @spec.setter
    def spec(self, spec: StreamSpec) -> None:
        self._spec = spec
        self.owns = matcher(spec.subjects)

    def append(
        self, subject: str, payload: bytes, msg_id: str, expect_last: int | None, operation: str, ttl_seconds: float
    ) -> int:
        """Store one entry; its sequence, or that of the entry which had the same `msg_id`."""
        self._expire()
        if ttl_seconds and not self._spec.message_ttl:
            raise BusError(f"{self._spec.name}: per-message TTL is disabled")
        now = self._clock()
        sequences = self._subjects.get(subject, [])
        # nats-server 2.15 looks at the expected sequence first, also for a message id that it knows.
        if expect_last is not None and expect_last != (sequences[-1] if sequences else 0):
            raise WrongRevision(f"{subject}: expected {expect_last}")
        if msg_id and (known := self._known(msg_id, now)):
            return known
        size = len(subject) + len(payload) + OVERHEAD_BYTES
        self._make_room(subject, sequences, size)
        self.last_sequence += 1
        sequence = self.last_sequence
        self._entries[sequence] = Entry(subject, sequence, payload, operation)
        self._subjects.setdefault(subject, []).append(sequence)
        self._stored_at[sequence] = now
        self._bytes += size
        if ttl_seconds:
            self._deadlines[sequence] = now + ttl_seconds
            self._next_deadline = min(self._next_deadline, now + ttl_seconds)
        if msg_id:
            age = self._spec.age_seconds_max
            window = min(self._spec.dedup_seconds, age) if age else self._spec.dedup_seconds
            self._ids[msg_id] = (now + window, sequence)
        return sequence

    def last(self, subject: str) -> Entry | None:
        """The newest entry of one subject."""
        self._expire()
        sequences = self._subjects.get(subject)
        return self._entries[sequences[-1]] if sequences else None

    def last_per_subject(self, wanted: Callable[[str], bool]) -> list[Entry]:
        """The newest entry of every subject that is wanted, by sequence."""
        self._expire()
        newest = sorted(sequences[-1] for subject, sequences in self._subjects.items() if wanted(subject))
        return [self._entries[sequence] for sequence in newest]

    def read(self, subject: str, after: int, limit: int) -> list[Entry]:
        """Entries of a subject or pattern above a sequence."""
        self._expire()
        if is_literal(subject):
            sequences = self._subjects.get(subject, [])
        else:
            wanted = matcher((subject,))
            sequences = [sequence for sequence, entry in self._entries.items() if wanted(entry.subject)]
        first = bisect_right(sequences, after)
        return [self._entries[sequence] for sequence in sequences[first : first + limit]]

    def dated(self, subject: str, after: int, since_us: int, limit: int) -> list[Dated]:
        """`read`, with times by this stream's clock; or what was stored since a time."""
        found = (
            Dated(entry, int(self._stored_at[entry.sequence] * 1e6)) for entry in self.read(subject, after, 1 << 62)
        )
        return list(islice((one for one in found if one.stored_us >= since_us), limit))

    def next_from(self, sequence: int, wanted: Callable[[str], bool]) -> Entry | None:
        """The first wanted entry at or above a sequence."""
        self._expire()
        if self._entries:
            sequence = max(sequence, next(iter(self._entries)))
        for number in range(sequence, self.last_sequence + 1):
            entry = self._entries.get(number)
            if entry is not None and wanted(entry.subject):
                return entry
        return None

    def usage(self) -> Usage:
        """How full it is."""
        self._expire()
        first = next(iter(self._entries), self.last_sequence + 1 if self.last_sequence else 0)
        return Usage(self._bytes, self._spec.bytes_max, first, self.last_sequence)

    def purge(self, wanted: Callable[[str], bool], below: int) -> None:
        """Forget entries; `below` 0 means all of them."""
        for subject in [s for s in self._subjects if wanted(s)]:
            for sequence in [n for n in self._subjects[subject] if not below or n < below]:
                self._remove(sequence)

    def _known(self, msg_id: str, now: float) -> int:
        while self._ids:
            deadline, _ = next(iter(self._ids.values()))
            if deadline > now:
                break
            self._ids.popitem(last=False)
        found = self._ids.get(msg_id)
        return found[1] if found else 0

    def _make_room(self, subject: str, sequences: list[int], size: int) -> None:
        """discard=new: a full stream refuses, except where the entry replaces an older one of its subject."""
        replaced = sequences[0] if 0 < self._spec.per_subject_max <= len(sequences) else 0
        freed = self._size(replaced) if replaced else 0
        while self._spec.drops_oldest and self._entries and self._bytes + size - freed > self._spec.bytes_max:
            oldest = next(iter(self._entries))
            freed = 0 if oldest == replaced else freed
            replaced = 0 if oldest == replaced else replaced
            self._remove(oldest)
        if self._bytes + size - freed > self._spec.bytes_max:
            raise StreamFull(f"{self._spec.name} is full, {subject} refused")
        if replaced:
            self._remove(replaced)

    def _size(self, sequence: int) -> int:
        entry = self._entries[sequence]
        return len(entry.subject) + len(entry.payload) + OVERHEAD_BYTES

    def _remove(self, sequence: int) -> None:
        self._bytes -= self._size(sequence)
        entry = self._entries.pop(sequence)
        sequences = self._subjects[entry.subject]
        sequences.remove(sequence)
        if not sequences:
            del self._subjects[entry.subject]
        self._stored_at.pop(sequence, None)
        self._deadlines.pop(sequence, None)

    def _expire(self) -> None:
        now = self._clock()
        if self._spec.age_seconds_max:
            oldest = now - self._spec.age_seconds_max
            while self._entries and self._stored_at[first := next(iter(self._entries))] <= oldest:
                self._remove(first)
        if now >= self._next_deadline:
            for sequence in [n for n, deadline in self._deadlines.items() if deadline <= now]:
                self._remove(sequence)
            self._next_deadline = min(self._deadlines.values(), default=INFINITY)
