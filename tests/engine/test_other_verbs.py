"""The verbs `job`, `approve` and `scale` in whole runs on the simulated shop."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Stage, left, shop

from underway.cluster.model import Ref
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
    receipt = stage.cut_short(run, number, how)
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


WEB = Ref("deployment", "shop", "web")


def replicas(stage: Stage) -> int:
    return stage.cluster.state().workloads[WEB].replicas


@pytest.mark.parametrize(("restore", "good", "bad"), [("end", 3, 3), ("failure", 5, 3), ("never", 5, 5)])
def test_what_is_scaled_is_put_back_as_asked(restore: str, good: int, bad: int) -> None:
    scale = {"scale": {"workload": str(WEB), "by": 2, "restore": restore}}
    broken = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
    for steps, outcome, left_with in (((scale,), "done", good), ((scale, broken), "failed", bad)):
        stage = shop()
        receipt = stage.play(stage.run(playbook(*steps)))
        assert receipt.outcome in (outcome, "inconclusive"), receipt.reason
        assert receipt.left_changed == ()
        assert replicas(stage) == left_with
        stage.rest()
        found = stage.cluster.state().workloads.values()
        assert [str(one.ref) for one in found if any("scale" in key for key in one.annotations)] == []


@pytest.mark.parametrize(
    ("first", "second", "good", "bad"),
    [
        ("never", "end", 5, 5),
        ("end", "never", 6, 6),
        ("end", "end", 3, 3),
        ("failure", "end", 5, 3),
        ("end", "failure", 6, 3),
        ("never", "failure", 6, 5),
    ],
)
def test_of_two_scalings_each_is_put_back_as_asked(first: str, second: str, good: int, bad: int) -> None:
    scalings = [
        {"scale": {"workload": str(WEB), "by": 2, "restore": first}},
        {"scale": {"workload": str(WEB), "by": 1, "restore": second}},
    ]
    broken = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
    for steps, left_with in ((scalings, good), ([*scalings, broken], bad)):
        stage = shop()
        receipt = stage.play(stage.run(playbook(*steps)))
        assert receipt.left_changed == ()
        assert replicas(stage) == left_with


def test_the_step_ends_when_all_of_them_are_ready_and_a_rollout_may_follow() -> None:
    stage = shop()
    rollout = {"rollout": {"workload": str(WEB), "images": {"web": "underway/shop:2"}}}
    gate = {"workload": {"name": str(WEB), "ready": 4}}
    step = {"scale": {"workload": str(WEB), "to": 4}, "after": [{**gate, "timeout": "1s"}]}
    receipt = stage.play(stage.run(playbook(step, rollout)))
    assert receipt.outcome == "done", receipt.reason
    assert stage.witness.violations == []
    assert receipt.handed_off == 4
    stage.rest()
    assert replicas(stage) == 3


def test_what_would_break_a_budget_or_leave_a_service_empty_is_in_the_way() -> None:
    stage = shop()
    found = stage.blockers(playbook({"scale": {"workload": str(WEB), "to": 0}}))
    assert [one.reason for one in found] == [
        "poddisruptionbudget/shop/web needs 2 healthy pods",
        "service/shop/web would have no endpoint",
    ]
    assert stage.blockers(playbook({"scale": {"workload": str(WEB), "to": 2}})) == ()
    too_many = stage.blockers(playbook({"scale": {"workload": str(WEB), "to": 9999}}))
    assert "there is room for" in too_many[0].reason


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(1, 8))
def test_stopped_or_killed_it_has_the_number_it_had(number: int, how: str) -> None:
    stage = shop()
    run = stage.run(playbook({"scale": {"workload": str(WEB), "by": 1}}, {"soak": {"for": "3s"}}))
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
