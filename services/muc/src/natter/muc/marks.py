"""How far a shard has got with each source of its inputs: what is repeated later than that is not decided again.

A router that is not sure to have handed something over hands it over again, perhaps long after this shard has worked on
it and another instance has opened it since. A source never says a frame before all earlier ones are stored (ADR 0001),
so one number per source is enough. The numbers of what is done are saved in one write with the shard's position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

# Lanes and user shards, all of which are far fewer; the ones unheard of for longest are forgotten.
SOURCES_MAX: Final = 1024


class Marks:
    """Of one shard, opened with the `note` that stood beside its position."""

    def __init__(self, note: str = "") -> None:
        pairs = (word.rpartition(":") for word in note.split())
        done = {source: int(mark) for source, _, mark in pairs}
        # The highest (sequence, index) by source: of what was taken, of what is done as last noted, and of that when
        # the note was last known to be stored.
        self._taken = dict(done)
        self._done = done
        self._stored = dict(done)
        # Of events that the journal had when the shard was opened: their inputs may come again.
        self._learned: dict[str, int] = {}
        # Entries that are not noted yet: their sequence, source and mark.
        self._open: deque[tuple[int, str, int]] = deque()
        self._noted_at = 0

    def fresh(self, source: str, sequence: int, index: int) -> bool:
        """Whether this frame of `source` has not been taken before; it is now."""
        mark = sequence << 32 | index
        if mark <= self._taken.get(source, 0):
            return False
        _raise(self._taken, source, mark)
        return True

    def took(self, position: int, source: str) -> None:
        """The entry at `position` of the shard's log was from `source`, and was taken whole."""
        mark = self._taken.get(source)
        if mark is not None:
            self._open.append((position, source, mark))

    def learn(self, source: str, sequence: int, index: int) -> None:
        """The journal has something that followed from this frame."""
        if sequence:
            _raise(self._learned, source, sequence << 32 | index)

    def note(self, position: int) -> str:
        """What must be stored together with `position`, up to which everything is done."""
        while self._open and self._open[0][0] <= position:
            _, source, mark = self._open.popleft()
            _raise(self._done, source, mark)
        self._noted_at = position
        return " ".join(f"{source}:{mark}" for source, mark in self._done.items())

    def wanted(self) -> dict[str, int]:
        """Where everything stands now: see `stored`."""
        wanted = dict(self._learned)
        for source, mark in self._taken.items():
            wanted[source] = max(mark, wanted.get(source, 0))
        return wanted

    def stored(self, wanted: Mapping[str, int], saved: int) -> bool:
        """Whether nothing up to `wanted` can be decided a second time, given that position `saved` is stored."""
        if saved >= self._noted_at:
            self._stored = dict(self._done)
        return all(self._stored.get(source, 0) >= mark for source, mark in wanted.items())


def _raise(marks: dict[str, int], source: str, mark: int) -> None:
    before = marks.pop(source, 0)
    if len(marks) >= SOURCES_MAX:
        del marks[next(iter(marks))]
    marks[source] = max(before, mark)
