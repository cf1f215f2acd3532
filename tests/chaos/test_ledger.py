"""The checker itself: every fate is told from every other."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from ledger import Ledger, Roster, Verdict


def ledger(sent: int, accepted: set[int], received: list[int], bounced: set[int] | None = None) -> Ledger:
    made = Ledger("x", {n: float(n) for n in range(sent)}, accepted, bounced or set())
    made.received = [(n, 100.0 + i) for i, n in enumerate(received)]
    return made


def test_everything_came() -> None:
    assert ledger(3, {0, 1, 2}, [0, 1, 2]).verdict() == Verdict(sent=3, ok=3)


def test_accepted_and_never_received_is_lost() -> None:
    assert ledger(3, {0, 1, 2}, [0, 2]).verdict() == Verdict(sent=3, ok=2, lost=1)


def test_not_accepted_and_never_received_is_unknown() -> None:
    assert ledger(3, {0, 1}, [0, 1]).verdict() == Verdict(sent=3, ok=2, unknown=1)


def test_what_came_back_as_an_error_is_not_lost() -> None:
    assert ledger(3, {0, 1, 2}, [0, 1], {2}).verdict() == Verdict(sent=3, ok=2, bounced=1)


def test_a_copy_that_comes_late_is_a_duplicate_and_no_disorder() -> None:
    assert ledger(3, {0, 1, 2}, [0, 1, 2, 0]).verdict() == Verdict(sent=3, ok=3, duplicate=1, again=1)


def test_disorder() -> None:
    assert ledger(3, {0, 1, 2}, [0, 2, 1]).verdict() == Verdict(sent=3, ok=3, reordered=1)


def test_what_was_meant_for_an_earlier_session_is_late_and_no_disorder() -> None:
    # 0 and 1 were sent at 0 and 1 s; the receiver logged in again at 1.5 s; 2 and 3 came before them, 3 after 2.
    made = ledger(4, {0, 1, 2, 3}, [2, 0, 3, 1])
    made.logins = [1.5]
    assert made.verdict() == Verdict(sent=4, ok=4, late=2)
    made.logins = []
    assert made.verdict().reordered == 2


def test_two_sessions_of_the_sender_are_in_no_order() -> None:
    made = ledger(4, {0, 1, 2, 3}, [2, 0, 1, 3])
    made.sender_logins = [1.5]
    assert made.verdict() == Verdict(sent=4, ok=4)
    made.received[1:3] = made.received[2:0:-1]
    assert made.verdict().reordered == 1


def test_a_further_copy_of_what_an_earlier_session_was_owed_is_allowed() -> None:
    # 0 was sent before the login, 1 behind it.
    made = ledger(2, {0, 1}, [0, 1, 0])
    made.logins = [0.5]
    assert made.verdict() == Verdict(sent=2, ok=2, duplicate=1, late=1)
    assert made.verdict().kept
    made.received.append((1, 104.0))
    assert made.verdict().again == 1


def test_recovery_is_counted_from_the_first_message_sent_after_healing() -> None:
    assert ledger(3, set(), [0, 1, 2]).recovery_seconds(1.5) == 100.5
    assert ledger(3, set(), [0, 1, 2]).recovery_seconds(3.0) is None


def test_a_room_with_one_order() -> None:
    said = [(0, 0), (1, 0), (0, 1)]
    roster = Roster(said, {0: said, 1: said}, set(said), set(), {0, 1}, sent=3)
    assert roster.verdict() == Verdict(sent=3, ok=3)


def test_a_room_where_somebody_heard_another_order() -> None:
    said = [(0, 0), (1, 0), (0, 1)]
    roster = Roster(said, {0: said, 1: [(1, 0), (0, 0), (0, 1)]}, set(said), set(), {0, 1}, sent=3)
    assert roster.verdict().reordered == 1


def test_a_room_where_a_sender_is_overtaken_by_himself() -> None:
    said = [(0, 1), (0, 0)]
    assert Roster(said, {0: said}, set(said), set(), {0}, sent=2).verdict().reordered == 1


def test_who_stayed_must_have_heard_everything_and_who_left_need_not() -> None:
    said = [(0, 0), (0, 1)]
    roster = Roster(said, {0: said, 1: said[:1], 2: said[:1]}, set(said), set(), {0, 1}, sent=2)
    assert roster.missing() == {(1, 0, 1)}
    assert roster.verdict().lost == 1


def test_what_was_accepted_and_never_said_in_the_room_is_lost() -> None:
    roster = Roster([(0, 0)], {0: [(0, 0)]}, {(0, 0), (0, 1), (0, 2)}, {(0, 2)}, {0}, sent=3)
    assert roster.verdict() == Verdict(sent=3, ok=1, lost=1, bounced=1)


def test_a_copy_in_the_same_session_is_told_from_one_in_the_next() -> None:
    made = ledger(3, {0, 1, 2}, [0, 1, 1, 0, 2])
    # The last two, at 103 and 104 s, came to another session.
    made.logins = [102.5]
    verdict = made.verdict()
    assert (verdict.duplicate, verdict.again, verdict.kept) == (2, 1, False)
    made = ledger(3, {0, 1, 2}, [0, 1, 2, 0])
    made.logins = [102.5]
    assert made.verdict().kept


def test_what_went_into_a_half_open_connection_is_neither_lost_nor_awaited() -> None:
    made = ledger(8, set(range(8)), [0, 1, 6])
    assert made.verdict().lost == 5
    # 2 to 5 were sent between a second before it and the next login; nothing excuses 7.
    made.half_open, made.logins = 3.0, [5.5]
    assert (made.verdict().lost, made.verdict().unread) == (1, 4)
    assert made.waiting() == {7}


def test_a_room_says_nothing_twice_to_who_stayed() -> None:
    said = [(0, 0), (0, 1)]
    heard = [(0, 0), (0, 1), (0, 1)]
    roster = Roster(said, {0: said, 1: heard}, set(said), set(), {0}, sent=2)
    assert (roster.verdict().duplicate, roster.verdict().again) == (1, 0)
    roster.stayed.add(1)
    assert (roster.verdict().again, roster.verdict().kept) == (1, False)
    roster = Roster([*said, (0, 1)], {}, set(said), set(), set(), sent=2)
    assert (roster.verdict().again, roster.verdict().kept) == (1, False)
