"""Positions behind which everything is stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.bus.progress import Progress


def test_moves_over_what_is_complete() -> None:
    progress = Progress(10)
    for sequence in (11, 15, 16):
        progress.begin(sequence)
        progress.expect(sequence, 2)
        progress.finish(sequence)
    assert progress.position == 10
    progress.done(15)
    progress.done(15)
    assert progress.position == 10
    progress.done(11)
    progress.done(11)
    assert progress.position == 15
    assert progress.open_sequences == 1


def test_sequence_without_outputs() -> None:
    progress = Progress(0)
    progress.begin(3)
    assert progress.position == 0
    progress.finish(3)
    assert progress.position == 3


def test_output_stored_before_all_are_declared() -> None:
    progress = Progress(0)
    progress.begin(1)
    progress.expect(1)
    progress.done(1)
    assert progress.position == 0
    progress.expect(1)
    progress.finish(1)
    assert progress.position == 0
    progress.done(1)
    assert progress.position == 1


def test_twice_begun_is_a_mistake() -> None:
    progress = Progress(0)
    progress.begin(1)
    with pytest.raises(ValueError, match="twice"):
        progress.begin(1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.randoms())
def test_position_is_the_longest_complete_run(outputs: list[int], random: object) -> None:
    progress = Progress(0)
    events = []
    for sequence, count in enumerate(outputs, 1):
        progress.begin(sequence)
        progress.expect(sequence, count)
        progress.finish(sequence)
        events += [sequence] * count
    random.shuffle(events)  # type: ignore[attr-defined]
    left = dict(enumerate(outputs, 1))
    for sequence in events:
        progress.done(sequence)
        left[sequence] -= 1
        complete = 0
        while complete < len(outputs) and not left[complete + 1]:
            complete += 1
        assert progress.position == complete
    assert progress.position == len(outputs)
    assert progress.open_sequences == 0
