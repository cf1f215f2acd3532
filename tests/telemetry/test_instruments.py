"""Plain numbers: counting, and the bound on label combinations."""

from __future__ import annotations

from natter.telemetry import instruments
from natter.telemetry.instruments import Counter, Gauge, Histogram


def test_counter_counts_per_labels() -> None:
    counter = Counter("a", "1", "", ("type",))
    counter.add("chat")
    counter.add("chat", by=2)
    counter.add("normal")
    assert counter.values == {("chat",): 3, ("normal",): 1}


def test_gauge_is_set_and_moved() -> None:
    gauge = Gauge("a", "1", "")
    gauge.set(5)
    gauge.add(by=-2)
    assert gauge.values == {(): 3}


def test_histogram_bounds_are_inclusive() -> None:
    histogram = Histogram("a", "s", "", (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.record(value)
    assert histogram.counts == {(): [2, 1, 1]} and histogram.sums == {(): 12.0}


def test_label_combinations_are_bounded() -> None:
    counter, gauge = Counter("a", "1", "", ("x", "y")), Gauge("a", "1", "", ("x",))
    histogram = Histogram("a", "s", "", (1.0,), ("x",))
    for i in range(instruments.SERIES_MAX + 10):
        counter.add(str(i), "y")
        gauge.set(i, str(i))
        gauge.add(f"g{i}")
        histogram.record(0.5, str(i))
    assert len(counter.values) == len(gauge.values) == len(histogram.counts) == instruments.SERIES_MAX + 1
    assert counter.values["other", "other"] == 10 and histogram.counts["other",] == [10, 0]
    assert sum(counter.values.values()) == instruments.SERIES_MAX + 10


def test_a_gauge_can_stop_saying_something() -> None:
    gauge = Gauge("a", "1", "", ("x",))
    gauge.set(3, "here")
    gauge.forget("here")
    gauge.forget("never there")
    assert gauge.values == {}
