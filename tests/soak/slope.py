"""The straight line through a process's memory over time, and how sure of it one can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Values that follow one another closely tell little more than one of them: they are averaged over so long.
BLOCK_SECONDS = 30.0
# What a process needs only for a moment is gone once in so long.
FLOOR_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Slope:
    """`per_minute` ± `uncertainty` (95 %), in units of what was measured."""

    per_minute: float
    uncertainty: float

    @property
    def rises(self) -> bool:
        """Whether it is above zero beyond doubt."""
        return self.per_minute > self.uncertainty


# Student's t for 95 %, by degrees of freedom; beyond that 2.
STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 15: 2.13}


def blocks(samples: Sequence[tuple[float, float]], seconds: float = BLOCK_SECONDS) -> list[tuple[float, float]]:
    """Means of (time, value) over blocks of time."""
    found: dict[int, list[tuple[float, float]]] = {}
    for time, value in samples:
        found.setdefault(int((time - samples[0][0]) // seconds), []).append((time, value))
    return [
        (sum(time for time, _ in part) / len(part), sum(value for _, value in part) / len(part))
        for _, part in sorted(found.items())
    ]


def floors(samples: Sequence[tuple[float, float]], seconds: float = FLOOR_SECONDS) -> list[tuple[float, float]]:
    """The lowest value of each block of time, in its middle: what stays when everything that passes has passed."""
    found: dict[int, float] = {}
    begin = samples[0][0]
    for time, value in samples:
        block = int((time - begin) // seconds)
        found[block] = min(value, found.get(block, math.inf))
    return [(begin + (block + 0.5) * seconds, value) for block, value in sorted(found.items())]


def floor_slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """The line through the floors."""
    return slope(floors(samples), FLOOR_SECONDS)


def slope(samples: Sequence[tuple[float, float]], seconds: float = BLOCK_SECONDS) -> Slope:
    """Least squares through the means of blocks. Fewer than three blocks: nothing is known."""
    points = blocks(samples, seconds)
    count = len(points)
    if count < 3:
        return Slope(0.0, math.inf)
    middle = sum(time for time, _ in points) / count
    mean = sum(value for _, value in points) / count
    spread = sum((time - middle) ** 2 for time, _ in points)
    gradient = sum((time - middle) * (value - mean) for time, value in points) / spread
    rest = sum((value - mean - gradient * (time - middle)) ** 2 for time, value in points)
    freedom = count - 2
    t = STUDENT.get(freedom) or (2.1 if freedom < 20 else 2.0)
    return Slope(60.0 * gradient, 60.0 * t * math.sqrt(rest / freedom / spread))
