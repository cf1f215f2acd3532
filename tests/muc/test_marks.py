"""Marks: what a shard has done of each source."""

from __future__ import annotations

from natter.muc.marks import SOURCES_MAX, Marks


def taken(marks: Marks, position: int, source: str, *sequences: int) -> list[bool]:
    found = [marks.fresh(source, sequence, 16) for sequence in sequences]
    marks.took(position, source)
    return found


def test_what_comes_again_is_known() -> None:
    marks = Marks()
    assert taken(marks, 1, "lane.0", 5, 6) == [True, True]
    assert taken(marks, 2, "lane.0", 5, 6, 7) == [False, False, True]
    assert taken(marks, 3, "lane.1", 5) == [True]
    assert not marks.fresh("lane.0", 7, 0)
    assert marks.fresh("lane.0", 7, 32)


def test_also_by_the_next_holder_as_far_as_it_was_done() -> None:
    marks = Marks()
    taken(marks, 1, "lane.0", 5)
    taken(marks, 2, "lane.1~0badcafe", 9)
    taken(marks, 3, "lane.0", 6)
    anew = Marks(marks.note(2))
    assert taken(anew, 4, "lane.0", 5, 6) == [False, True]
    assert taken(anew, 5, "lane.1~0badcafe", 9, 10) == [False, True]
    assert Marks(anew.note(2)).note(2) == anew.note(2)
    assert Marks("").note(0) == ""


def test_stored_is_what_the_position_has_passed() -> None:
    marks = Marks()
    taken(marks, 1, "lane.0", 5)
    wanted = marks.wanted()
    taken(marks, 2, "lane.0", 6)
    assert not marks.stored(wanted, 0)
    marks.note(1)
    # The write may not have come through.
    assert not marks.stored(wanted, 0)
    assert marks.stored(wanted, 1)
    assert not marks.stored(marks.wanted(), 1)
    marks.note(2)
    assert marks.stored(marks.wanted(), 2)


def test_events_of_the_journal_wait_for_their_inputs() -> None:
    marks = Marks()
    marks.learn("lane.0", 7, 16)
    marks.learn("", 0, 0)
    assert not marks.stored(marks.wanted(), 0)
    # The input itself is still to be taken.
    assert taken(marks, 3, "lane.0", 7) == [True]
    marks.note(3)
    assert marks.stored(marks.wanted(), 3)


def test_sources_are_bounded() -> None:
    marks = Marks()
    for number in range(SOURCES_MAX + 5):
        taken(marks, number, f"lane.{number}", 1)
    assert len(marks.note(SOURCES_MAX + 5).split()) == SOURCES_MAX
    assert len(marks.wanted()) == SOURCES_MAX
