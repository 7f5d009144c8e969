"""The verbs `job` and `approve` in whole runs on the simulated shop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stage import Stage, left, shop

from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook

JOB: dict[str, Any] = {"job": {"image": "underway/shop:1", "args": ["sleep", "3s"], "timeout": "1m"}}


def playbook(*steps: dict[str, Any]) -> Playbook:
    return from_command_line("verbs", steps)


def jobs(stage: Stage) -> list[str]:
    return sorted(str(one.ref) for one in stage.cluster.state().workloads.values() if one.kind == "job")


def test_a_job_runs_to_its_end_and_is_deleted() -> None:
    stage = shop()
    before = jobs(stage)
    receipt = stage.play(stage.run(playbook(JOB)))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.duration_seconds >= 3
    stage.rest()
    assert jobs(stage) == before


def test_a_job_that_takes_too_long_is_a_time_out() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook({"job": JOB["job"] | {"args": ["sleep", "5m"]}})))
    assert receipt.outcome == "timedOut"
    assert "did not end within 1m" in receipt.reason
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(1, 8))
def test_stopped_or_killed_a_job_is_let_finish_and_nothing_is_left(number: int, how: str) -> None:
    stage = shop()
    run = stage.run(playbook(JOB, {"approve": {}}))

    def interrupt(count: int, driving: asyncio.Task[None]) -> None:
        if count == number and how == "killed":
            driving.cancel()
        elif count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, interrupt)
    if how == "killed":
        receipt = stage.play(stage.run(playbook(JOB), only_restore=True))
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_step_that_is_approved_goes_on_and_a_rehearsal_says_that_it_is_assumed() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook({"approve": {"timeout": "5m"}}, {"soak": {"for": "1s"}})))
    assert receipt.outcome == "done", receipt.reason
    assert "step 1: is approved as soon as it asks" in stage.cluster.assumptions


def test_what_nobody_approves_is_put_back_or_goes_on_as_asked() -> None:
    for default, outcome in (("refuse", "timedOut"), ("approve", "done")):
        stage = shop()
        receipt = stage.play(stage.run(playbook({"approve": {"timeout": "1ms", "default": default}})))
        assert receipt.outcome == outcome
