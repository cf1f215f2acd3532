"""A line is found where there is one, and not where there is none."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from slope import Slope, blocks, floor_slope, floors, slope


def test_a_line() -> None:
    found = slope([(t, 1000.0 + 0.5 * t) for t in range(0, 600, 3)])
    assert abs(found.per_minute - 30.0) < 1e-6 and found.uncertainty < 1e-6
    assert found.rises


def test_noise_round_nothing_and_noise_round_a_line() -> None:
    dice = random.Random(7)
    flat = [(t, 1000.0 + dice.gauss(0, 50)) for t in range(0, 600, 3)]
    found = slope(flat)
    assert abs(found.per_minute) <= found.uncertainty < 10 and not found.rises
    assert slope([(t, value + t) for t, value in flat]).rises


def test_a_step_is_no_line() -> None:
    found = slope([(t, 0.0 if t < 60 else 100.0) for t in range(0, 600, 3)])
    assert found.uncertainty > 3


def test_the_floor_sees_what_stays_below_what_passes() -> None:
    dice = random.Random(5)
    passing = [(float(t), 1000.0 + 400.0 * dice.random() ** 2) for t in range(0, 900, 3)]
    rising = [(t, value + t / 20) for t, value in passing]
    assert not floor_slope(passing).rises
    assert floor_slope(rising).rises and abs(floor_slope(rising).per_minute - 3.0) < 1.0
    assert floors([(5.0, 7.0), (20.0, 3.0), (70.0, 4.0)]) == [(35.0, 3.0), (95.0, 4.0)]


def test_too_little() -> None:
    assert slope([(0.0, 1.0), (40.0, 5.0)]) == Slope(0.0, math.inf)
    assert blocks([(0.0, 1.0), (10.0, 3.0), (40.0, 5.0)]) == [(5.0, 2.0), (40.0, 5.0)]
