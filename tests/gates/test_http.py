"""HTTP counts: what came after a moment, and the verdicts of guards and waits on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from underway.gates.http import Gap, HttpCount, baseline, http_awaited, http_guarded, with_gap
from underway.playbook.gates import Gate, HttpGate

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def http(**body: object) -> HttpGate:
    return HttpGate.model_validate({"url": "http://127.0.0.1:1/", **body})


def gate(**fields: object) -> Gate:
    return Gate.model_validate({"name": "web", "http": {"url": "http://127.0.0.1:1/"}, **fields})


def gap(ended: float, length: float) -> Gap:
    return Gap(at(ended), timedelta(seconds=length))


WELL = HttpCount(
    began=T0, at=at(10), sent=201, answered=200, in_flight=1, measured_at=at(10), answered_at=at(10), good_since=at(0)
)
HURT = replace(WELL, answered=197, lost=3, good_since=at(6), gaps=(gap(6, 0.5),), last_error="status 500")


def guard(count: HttpCount, now: float = 10, **body: object) -> str:
    return http_guarded(gate(), http(**body), count, at(now)).status


def wait(count: HttpCount, of: Gate, now: float = 10, **body: object) -> str:
    return http_awaited(of, http(**body), count, at(now)).status


def test_a_guard_passes_while_no_more_is_lost_than_allowed() -> None:
    assert guard(WELL) == "pass"
    assert guard(HURT) == "fail"
    assert guard(HURT, lost=3) == "pass"
    assert http_guarded(gate(), http(), HURT, at(10)).reason == (
        "3 of 201 requests lost, 0 allowed; the last: status 500"
    )


def test_a_guard_fails_when_a_gap_is_longer_than_allowed_and_already_while_it_lasts() -> None:
    assert guard(HURT, lost=3, gap="500ms") == "pass"
    assert guard(HURT, lost=3, gap="499ms") == "fail"
    lasting = replace(HURT, failing=True, answered_at=at(9))
    assert lasting.current_gap == lasting.longest_gap == timedelta(seconds=1)
    assert guard(lasting, lost=3, gap="900ms") == "fail"


def test_a_guard_that_has_held_until_the_judging_begins_holds_until_an_answer_is_overdue() -> None:
    fresh = baseline(WELL, replace(WELL, at=at(11)))
    assert fresh.answered_at is None
    assert guard(fresh, 10.5, every="1s", timeout="1s") == "pass"
    assert guard(fresh, 12.1, every="1s", timeout="1s") == "error"
    failing = baseline(replace(WELL, failing=True), replace(WELL, at=at(11)))
    assert guard(failing, 10.5, every="1s", timeout="1s") == "error"


def test_a_guard_without_an_answer_holds_the_work_and_stops_it_after_a_minute() -> None:
    silent = HttpCount(began=T0, at=T0)
    assert guard(silent, 0) == "error"
    assert guard(silent, 59) == "error"
    assert guard(silent, 60) == "inconclusive"


def test_a_guard_whose_prober_fell_silent_is_an_error_and_not_healthy() -> None:
    assert guard(WELL, 17) == "pass"
    assert guard(WELL, 18) == "error"
    assert guard(WELL, 70) == "inconclusive"


def test_a_guard_is_not_judged_before_it_begins() -> None:
    assert guard(HttpCount(began=at(5), at=at(5)), 1) == "pass"


def test_a_wait_passes_with_the_first_good_answer() -> None:
    assert wait(HttpCount(began=T0, at=at(1)), gate(), 1) == "inconclusive"
    once = HttpCount(began=T0, at=at(1), sent=1, answered=1, measured_at=at(1), answered_at=at(1), good_since=at(1))
    assert wait(once, gate(), 1) == "pass"


def test_a_wait_with_for_is_measured_that_long() -> None:
    assert wait(WELL, gate(**{"for": "10s"})) == "pass"
    assert wait(WELL, gate(**{"for": "11s"}), 12) == "inconclusive"


def test_after_a_loss_a_wait_begins_anew_with_the_next_good_answer() -> None:
    assert wait(HURT, gate(**{"for": "4s"})) == "pass"
    assert wait(HURT, gate(**{"for": "5s"})) == "inconclusive"
    assert wait(HURT, gate(**{"for": "5s"}), lost=3) == "pass"
    assert wait(replace(HURT, failing=True, good_since=None), gate()) == "inconclusive"


def test_a_wait_fails_at_its_timeout_and_is_an_error_if_nothing_was_measured() -> None:
    refused = HttpCount(began=T0, at=at(30), sent=9, lost=9, measured_at=at(30), failing=True, last_error="refused")
    assert wait(refused, gate(), 29) == "inconclusive"
    assert wait(refused, gate(), 30) == "fail"
    assert wait(HttpCount(began=T0, at=at(30), late=9), gate(), 30) == "error"


def test_a_baseline_leaves_only_what_came_after_it() -> None:
    then = replace(HURT, at=at(7), sent=150, answered=148, lost=1, in_flight=1, errors={"status 500": 1})
    now = replace(HURT, errors={"status 500": 1, "connection refused": 2})
    since = baseline(then, now)
    assert (since.sent, since.answered, since.lost, since.in_flight) == (52, 49, 2, 1)
    assert since.began == at(7)
    assert since.errors == {"connection refused": 2}
    assert since.longest_gap == timedelta()


def test_a_gap_around_the_moment_counts_from_the_moment_on() -> None:
    then = replace(HURT, at=at(5.75))
    assert baseline(then, HURT).longest_gap == timedelta(seconds=0.25)
    lasting = replace(HURT, failing=True, answered_at=at(4))
    assert baseline(then, lasting).current_gap == timedelta(seconds=4.25)


def test_a_moment_without_a_good_answer_since_has_none() -> None:
    assert baseline(WELL, replace(WELL, at=at(12))).answered_at is None


GAPS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=12)


@given(GAPS, st.integers(0, 20))
def test_the_kept_gaps_tell_the_longest_since_any_moment(found: list[tuple[int, int]], moment: int) -> None:
    gaps = [gap(ended, length) for ended, length in found]
    kept = reduce(with_gap, gaps, ())
    assert list(kept) == sorted(kept, key=lambda known: known.ended)
    expected = max((known.length for known in gaps if known.ended > at(moment)), default=timedelta())
    assert max((known.length for known in kept if known.ended > at(moment)), default=timedelta()) == expected
    whole = HttpCount(began=T0, at=at(30), gaps=kept)
    assert whole.longest_gap == max((known.length for known in gaps), default=timedelta())


COUNTS = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 9))


@given(COUNTS, COUNTS)
def test_what_is_sent_is_answered_lost_or_in_flight_also_after_a_baseline(
    first: tuple[int, int, int], more: tuple[int, int, int]
) -> None:
    answered, lost, in_flight = first
    then = HttpCount(T0, at(1), sum(first), answered, lost, in_flight)
    answered, lost, in_flight = answered + more[0], lost + more[1], more[2]
    since = baseline(then, HttpCount(T0, at(2), answered + lost + in_flight, answered, lost, in_flight))
    assert since.sent == since.answered + since.lost + since.in_flight
    assert (since.answered, since.lost) == more[:2]
