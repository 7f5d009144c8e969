"""The state of runs, and the words they are told in."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from recorder import START

from underway.report.status import RunDetail, RunStatus, WaitStatus, render_run, render_runs, status_json
from underway.report.words import count, in_words, seconds

NOW = START + timedelta(minutes=12)
PAUSED = RunStatus(run="upgrade-1", playbook="upgrade", started=START, phase="abandoned", where="1 of 3 nodes done")
RUNNING = RunStatus(run="drain-2", playbook="drain", started=START + timedelta(minutes=10), phase="running")


def test_the_latest_run_comes_first() -> None:
    assert render_runs([PAUSED, RUNNING], NOW).splitlines() == [
        "RUN        PLAYBOOK     AGE  PHASE      WHERE",
        "drain-2    drain      2m00s  running",
        "upgrade-1  upgrade   12m00s  abandoned  1 of 3 nodes done",
    ]


def test_no_runs_are_said() -> None:
    assert render_runs([], NOW) == "No run has left marks in this cluster."


def test_a_run_in_detail_says_how_to_go_on_and_how_to_go_back() -> None:
    detail = RunDetail(
        status=PAUSED,
        operator="ada",
        changed=(("node/kind-worker", "cordoned"),),
        waits=(WaitStatus(object="pod/shop/db-0", reason="budget shop/db allows none", since=START),),
    )
    assert render_run(detail, NOW).splitlines() == [
        "Run       upgrade-1",
        "Playbook  upgrade",
        "Phase     abandoned",
        "Where     1 of 3 nodes done",
        "Started   2026-11-23T04:12:30Z, 12m00s ago",
        "Operator  ada",
        "",
        "Waiting for:",
        "  pod/shop/db-0 (12m00s): budget shop/db allows none",
        "",
        "Changed by this run:",
        "  node/kind-worker: cordoned",
        "",
        "To put everything back: underway restore upgrade-1",
    ]


def test_status_reads_back_from_json() -> None:
    assert msgspec.json.decode(status_json([PAUSED, RUNNING]), type=list[RunStatus]) == [PAUSED, RUNNING]


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.45, "450ms"),
        (0.9499, "950ms"),
        (0.96, "1s"),
        (12.34, "12.3s"),
        (59.96, "1m00s"),
        (64, "1m04s"),
        (3599.7, "1h00m"),
        (7384, "2h03m"),
        (-1, "0s"),
    ],
)
def test_durations_are_short(duration: float, said: str) -> None:
    assert seconds(duration) == said


def test_counts_and_outcomes_are_words() -> None:
    assert (count(1, "pod"), count(1200, "pod"), in_words("timedOut")) == ("1 pod", "1,200 pods", "timed out")
