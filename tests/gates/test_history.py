"""The fold of looks, and what awaited gates and guards make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from underway.gates.history import History, awaited, due, guarded, opened, record
from underway.gates.verdict import Sample
from underway.playbook.gates import Gate

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def gate(**fields: object) -> Gate:
    return Gate.model_validate({"name": "web", "service": {"name": "shop/web", "minReady": 2}, **fields})


def look(at: float, holds: bool | None) -> Sample:  # noqa: FBT001 - as it reads in a table of looks
    return Sample(T0 + seconds(at), holds, {True: "2 ready", False: "1 ready", None: "no answer"}[holds])


def seen(of: Gate, *looks: tuple[float, bool | None]) -> History:
    return reduce(record, (look(at, holds) for at, holds in looks), opened(of, T0))


def wait(of: Gate, now: float, *looks: tuple[float, bool | None]) -> str:
    return awaited(of, seen(of, *looks), T0 + seconds(now)).status


def guard(of: Gate, now: float, *looks: tuple[float, bool | None]) -> str:
    return guarded(of, seen(of, *looks), T0 + seconds(now)).status


def test_a_wait_ends_with_the_first_look_that_holds() -> None:
    assert wait(gate(), 0) == "inconclusive"
    assert wait(gate(), 1, (0, False), (1, True)) == "pass"


def test_a_wait_with_for_ends_when_it_has_held_that_long_without_a_break() -> None:
    patient = gate(**{"for": "3s"})
    assert wait(patient, 2, (0, True), (2, True)) == "inconclusive"
    assert wait(patient, 3, (0, True), (3, True)) == "pass"
    assert wait(patient, 4, (0, True), (1, False), (2, True), (4, True)) == "inconclusive"
    assert wait(patient, 4, (0, True), (1, None), (2, True), (4, True)) == "inconclusive"


def test_time_that_was_not_looked_at_does_not_count_as_held() -> None:
    assert wait(gate(**{"for": "3s"}), 20, (0, True)) == "inconclusive"


def test_a_wait_fails_when_its_timeout_is_over_and_says_what_was_seen() -> None:
    short = gate(timeout="5s")
    assert wait(short, 4, (4, False)) == "inconclusive"
    verdict = awaited(short, seen(short, (4, False)), T0 + seconds(5))
    assert verdict.status == "fail"
    assert verdict.reason == "1 ready, after 5s"


def test_a_wait_that_could_not_be_measured_at_its_end_is_an_error() -> None:
    assert wait(gate(timeout="5s"), 5) == "error"
    assert wait(gate(timeout="5s"), 5, (1, False), (4, None)) == "error"


def test_without_a_timeout_a_wait_has_thirty_seconds_more_than_it_must_hold() -> None:
    assert wait(gate(), 29, (29, False)) == "inconclusive"
    assert wait(gate(), 30, (29, False)) == "fail"
    assert wait(gate(**{"for": "1m"}), 89, (89, True)) == "inconclusive"
    assert wait(gate(**{"for": "1m"}), 90, (89, True)) == "fail"


def test_looks_before_the_initial_delay_is_over_do_not_count() -> None:
    delayed = gate(initialDelay="10s")
    assert wait(delayed, 9, (9, True)) == "inconclusive"
    assert wait(delayed, 10, (9, False), (10, True)) == "pass"
    assert guard(delayed, 9, (9, False)) == "pass"
    assert guard(delayed, 10, (9, False), (10, False)) == "fail"
    assert due(delayed, opened(delayed, T0)) == T0 + seconds(10)


def test_a_guard_fails_with_its_first_failure_and_for_good() -> None:
    assert guard(gate(), 1, (0, True), (1, False)) == "fail"
    assert guard(gate(), 9, (0, True), (1, False), (2, True), (9, True)) == "fail"


def test_a_guard_bears_the_failures_it_allows() -> None:
    bearing = gate(failures=1)
    assert guard(bearing, 1, (0, True), (1, False)) == "pass"
    assert guard(bearing, 2, (0, True), (1, False), (2, False)) == "fail"


def test_a_failure_that_is_looked_at_twice_within_every_counts_once() -> None:
    bearing = gate(failures=1, every="1s")
    assert guard(bearing, 1.9, (1, False), (1.5, False), (1.9, False)) == "pass"
    assert guard(bearing, 2, (1, False), (1.5, False), (2, False)) == "fail"
    assert guard(bearing, 1.5, (1, False), (1.2, True), (1.5, False)) == "fail"
    assert guard(bearing, 1.5, (1, False), (1.2, None), (1.5, False)) == "pass"


def test_a_guard_that_is_not_measured_holds_the_work_and_after_a_minute_stops_it() -> None:
    assert guard(gate(), 0) == "error"
    assert guard(gate(), 60) == "inconclusive"
    assert guard(gate(), 59, (0, True), (1, None), (59, None)) == "error"
    assert guard(gate(), 61, (0, True), (1, None), (61, None)) == "inconclusive"
    assert guard(gate(), 62, (0, True), (1, None), (62, True)) == "pass"


def test_the_timeout_of_a_guard_is_how_long_it_may_go_unmeasured() -> None:
    assert guard(gate(timeout="5s"), 6, (1, None), (6, None)) == "inconclusive"


def test_a_guard_that_nobody_looks_at_any_more_is_not_healthy() -> None:
    assert guard(gate(), 61, (1, True)) == "pass"
    assert guard(gate(), 62, (1, True)) == "inconclusive"


def test_a_gate_is_due_when_a_wait_may_be_over_or_after_every() -> None:
    patient = gate(**{"for": "2500ms", "every": "1s", "timeout": "9s"})
    assert due(patient, seen(patient, (0, True))) == T0 + seconds(1)
    assert due(patient, seen(patient, (0, True), (2, True))) == T0 + seconds(2.5)
    assert due(patient, seen(patient, (8.5, False))) == T0 + seconds(9)
    assert due(patient, seen(patient, (9, False))) == T0 + seconds(10)


LOOKS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from([True, False, None])), max_size=30)


def in_order(looks: list[tuple[int, bool | None]]) -> list[Sample]:
    return [look(at, holds) for at, holds in sorted(looks, key=lambda found: found[0])]


@given(LOOKS)
def test_history_holds_since_the_first_of_the_last_unbroken_run(looks: list[tuple[int, bool | None]]) -> None:
    samples = in_order(looks)
    since = None
    for found in samples:
        since = (since or found.at) if found.holds else None
    assert reduce(record, samples, opened(gate(), T0)).holds_since == since


@given(LOOKS, st.integers(0, 50))
def test_a_late_look_from_the_past_changes_nothing(looks: list[tuple[int, bool | None]], at: int) -> None:
    history = reduce(record, in_order(looks), opened(gate(), T0))
    if history.last is not None and T0 + seconds(at) < history.last.at:
        assert record(history, look(at, holds=False)) == history


@given(LOOKS, st.integers(0, 5))
def test_a_guard_that_has_failed_never_passes_again(looks: list[tuple[int, bool | None]], allowed: int) -> None:
    bearing, history, failed = gate(failures=allowed), opened(gate(), T0), False
    for found in in_order(looks):
        before, history = history, record(history, found)
        assert before.failures <= history.failures <= before.failures + 1
        verdict = guarded(bearing, history, found.at)
        assert not failed or verdict.status == "fail"
        failed = verdict.status == "fail"
        assert failed == (history.failures > allowed)


@given(LOOKS, st.lists(st.integers(0, 500), max_size=30))
def test_looking_again_in_between_counts_no_more_failures(
    looks: list[tuple[int, bool | None]], extra: list[int]
) -> None:
    every = gate(every="1s")
    kept = {found.at: found for found in in_order(looks)}
    seldom = [kept[at] for at in sorted(kept)]
    often = list(seldom)
    for tenths in extra:
        before = [found for found in seldom if found.at <= T0 + seconds(tenths / 10)]
        if before and T0 + seconds(tenths / 10) < before[-1].at + seconds(1):
            often.append(Sample(T0 + seconds(tenths / 10), before[-1].holds, before[-1].reason))
    often.sort(key=lambda found: found.at)
    assert reduce(record, often, opened(every, T0)).failures == reduce(record, seldom, opened(every, T0)).failures


@given(LOOKS, st.integers(0, 5), st.integers(1, 20))
def test_due_is_always_after_the_last_look(looks: list[tuple[int, bool | None]], held: int, timeout: int) -> None:
    of = gate(**{"for": f"{held}s", "timeout": f"{timeout}s"})
    history = reduce(record, in_order(looks), opened(of, T0))
    if history.last is not None:
        assert due(of, history) > history.last.at


def test_even_every_zero_makes_no_busy_loop() -> None:
    eager = gate(every="0s", timeout="1s")
    assert due(eager, seen(eager, (2, False))) == T0 + seconds(2.01)
