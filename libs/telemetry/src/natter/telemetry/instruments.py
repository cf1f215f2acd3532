"""Metrics as plain numbers: an increment is a dict operation; exporters read the numbers when they want them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

Labels = tuple[str, ...]

# Combinations of label values that one instrument keeps. What comes after them is counted together, as "other".
SERIES_MAX = 200


def admitted(labels: Labels, series: int) -> Labels:
    """The labels to count a new combination under, when there are `series` already."""
    return labels if series < SERIES_MAX else ("other",) * len(labels)


@dataclass(slots=True)
class Counter:
    """A number that only grows, one per combination of label values. `unit` as in OpenTelemetry: "{stanza}", "By"."""

    name: str
    unit: str
    help: str
    labels: Labels = ()
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, *labels: str, by: float = 1) -> None:
        """Count `by` more. Label values in the declared order; never a JID, room or node."""
        try:
            self.values[labels] += by
        except KeyError:
            labels = admitted(labels, len(self.values))
            self.values[labels] = self.values.get(labels, 0) + by


@dataclass(slots=True)
class Gauge:
    """A number that is what it is now."""

    name: str
    unit: str
    help: str
    labels: Labels = ()
    values: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float, *labels: str) -> None:
        """Replace the value."""
        self.values[labels if labels in self.values else admitted(labels, len(self.values))] = value

    def add(self, *labels: str, by: float = 1) -> None:
        """Change the value by `by`, which may be negative."""
        try:
            self.values[labels] += by
        except KeyError:
            labels = admitted(labels, len(self.values))
            self.values[labels] = self.values.get(labels, 0) + by

    def forget(self, *labels: str) -> None:
        """Say no more of these labels: what they stood for is somebody else's now."""
        self.values.pop(labels, None)


@dataclass(slots=True)
class Histogram:
    """How often a value fell into each bucket. `bounds` are inclusive upper limits, ascending."""

    name: str
    unit: str
    help: str
    bounds: tuple[float, ...]
    labels: Labels = ()
    # Per label values: one count per bound and one for what lies above, then the sum.
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums: dict[Labels, float] = field(default_factory=dict)

    def record(self, value: float, *labels: str) -> None:
        """Count one value."""
        self.record_all((value,), *labels)

    def record_all(self, values: Sequence[float], *labels: str) -> None:
        """Count several values: cheaper than one by one."""
        row = self.counts.get(labels)
        if row is None:
            labels = admitted(labels, len(self.counts))
            row = self.counts.setdefault(labels, [0] * (len(self.bounds) + 1))
            self.sums.setdefault(labels, 0.0)
        bounds = self.bounds
        for value in values:
            row[bisect_left(bounds, value)] += 1
        self.sums[labels] += sum(values)


Instrument = Counter | Gauge | Histogram
