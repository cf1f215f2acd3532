"""Which input sequences have all their outputs stored."""

from __future__ import annotations

from collections import deque


class Progress:
    """Counts, per input sequence, the outputs that are not stored yet.

    `begin` in rising order; `expect` outputs, each followed by one `done`; `finish` when all of them were declared.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._open: dict[int, int] = {}
        self._order: deque[int] = deque()

    @property
    def position(self) -> int:
        """The highest sequence below and at which everything is done."""
        return self._position

    @property
    def open_sequences(self) -> int:
        """Sequences begun and not yet behind the position."""
        return len(self._order)

    def begin(self, sequence: int) -> None:
        """Work on `sequence` starts. It holds the position back until `finish`."""
        if sequence in self._open:
            raise ValueError(f"sequence {sequence} was begun twice")
        self._open[sequence] = 1
        self._order.append(sequence)

    def expect(self, sequence: int, n: int = 1) -> None:
        """`n` more outputs of `sequence` must be stored."""
        self._open[sequence] += n

    def done(self, sequence: int) -> None:
        """One output of `sequence` is stored."""
        left = self._open[sequence] = self._open[sequence] - 1
        if not left and self._order[0] == sequence:
            self._advance()

    def finish(self, sequence: int) -> None:
        """All outputs of `sequence` were declared."""
        self.done(sequence)

    def _advance(self) -> None:
        order, numbers = self._order, self._open
        while order and not numbers[order[0]]:
            self._position = order.popleft()
            del numbers[self._position]
