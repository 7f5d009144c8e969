"""Counting requests as they end: gaps, and to which of them a lost request belongs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from underway.gates.http import HttpCount
from underway.probes.tally import Tally

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def counted(*ends: tuple[float, float, str], now: float) -> HttpCount:
    """Each request as (sent, ended, error), in the order of their ends."""
    tally = Tally(T0, timedelta(seconds=2))
    for _ in ends:
        tally.send()
    for sent, ended, error in ends:
        if error:
            tally.lose(at(sent), at(ended), error)
        else:
            tally.answer(at(ended))
    return tally.count(at(now))


def test_without_a_loss_there_is_no_gap_however_long_the_silence() -> None:
    count = counted((0, 1, ""), (1, 9, ""), now=20)
    assert (count.lost, count.longest_gap, count.current_gap) == (0, timedelta(), timedelta())


def test_a_gap_is_between_the_good_ends_around_a_loss() -> None:
    count = counted((0, 1, ""), (1.5, 1.6, "refused"), (2, 2.1, "refused"), (2.5, 3, ""), now=9)
    assert count.longest_gap == timedelta(seconds=2)
    assert (count.sent, count.answered, count.lost, count.errors) == (4, 2, 2, {"refused": 2})
    assert (count.failing, count.good_since) == (False, at(3))


def test_a_gap_lasts_until_the_next_good_answer() -> None:
    count = counted((0, 1, ""), (1.5, 1.6, "refused"), now=4)
    assert count.current_gap == count.longest_gap == timedelta(seconds=3)


def test_before_the_first_good_answer_a_gap_counts_from_the_beginning() -> None:
    assert counted((0, 0, "refused"), now=2).current_gap == timedelta(seconds=2)
    assert counted((0, 0, "refused"), (1, 1, ""), now=2).longest_gap == timedelta(seconds=1)


def test_a_request_that_hung_belongs_to_the_gap_in_which_it_was_sent() -> None:
    count = counted((0, 0.5, ""), (1.5, 1.6, ""), (1.7, 1.8, ""), (1, 3, "no answer"), (3, 3.1, ""), now=4)
    assert count.longest_gap == timedelta(seconds=1.1)
    assert not count.failing
    assert count.good_since == at(3.1)


def test_what_is_given_up_by_us_is_neither_sent_nor_lost() -> None:
    tally = Tally(T0, timedelta(seconds=2))
    tally.send()
    tally.send()
    tally.forgo(in_flight=True)
    tally.forgo()
    tally.withdraw()
    count = tally.count(at(1))
    assert (count.sent, count.lost, count.in_flight, count.late) == (0, 0, 0, 2)
