"""Gates of kind `job` in whole runs on the simulated shop: how a Job has ended is the look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from stage import Stage, left, shop

from underway.engine import preflight
from underway.engine.events import Change
from underway.playbook.models import Playbook

GOOD: dict[str, Any] = {"name": "smoke", "job": {"image": "underway/shop:1", "command": ["sleep", "3s"]}}
BAD: dict[str, Any] = {
    "name": "smoke",
    "job": {"image": "underway/shop:1", "command": ["sleep", "1h"], "timeout": "2s", "namespace": "shop"},
}
DRAIN: dict[str, Any] = {"nodes": {"select": {"names": ["underway-worker"]}}}


def playbook(steps: list[Mapping[str, Any]], guards: list[Mapping[str, Any]] | None = None) -> Playbook:
    return Playbook.model_validate(
        {
            "apiVersion": "underway.dev/v1alpha1",
            "kind": "Playbook",
            "metadata": {"name": "gates"},
            "spec": {"steps": steps, "guards": guards or []},
        }
    )


def jobs_made(stage: Stage) -> int:
    return Counter(event.action for event in stage.events if isinstance(event, Change))["createJob"]


def as_before(stage: Stage) -> bool:
    stage.rest()
    return left(stage.cluster.state()) == stage.before


def test_a_job_that_completes_lets_the_run_go_on_and_is_deleted() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook([{"check": {"gates": [GOOD]}}])))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.duration_seconds >= 3
    assert jobs_made(stage) == 1
    assert as_before(stage)


def test_a_job_that_fails_fails_the_step_at_once_and_its_reason_is_told() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook([DRAIN | {"after": [BAD]}])))
    assert receipt.outcome == "failed"
    assert "gate smoke: job/shop/underway-r-gate-" in receipt.reason
    assert "failed: " in receipt.reason
    assert jobs_made(stage) == 1
    assert as_before(stage)


def test_as_many_jobs_may_fail_as_are_allowed() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook([{"check": {"gates": [BAD | {"failures": 2}]}}])))
    assert receipt.outcome == "failed"
    assert jobs_made(stage) == 3
    assert as_before(stage)


def test_verify_makes_a_job_of_its_own_for_each_node() -> None:
    stage = shop()
    step = {"nodes": {"select": {"names": ["underway-worker", "underway-worker2"]}, "verify": [GOOD]}}
    receipt = stage.play(stage.run(playbook([step])))
    assert receipt.outcome == "done", receipt.reason
    assert jobs_made(stage) == 2
    assert as_before(stage)


def test_a_guard_has_its_job_made_again_and_again_and_begins_with_one_that_is_complete() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook([{"soak": {"for": "1m"}}], [GOOD | {"every": "10s"}])))
    assert receipt.outcome == "done", receipt.reason
    # 3 s and some start-up each, 10 s between them, the first before the soak
    assert 4 <= jobs_made(stage) <= 6
    assert as_before(stage)


def test_a_guard_whose_first_job_fails_refuses_the_run_and_leaves_nothing() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook([DRAIN], [BAD])))
    assert receipt.outcome == "refused"
    assert receipt.pods_moved == 0
    assert as_before(stage)


def test_its_permissions_are_asked_for_beforehand() -> None:
    asked = {(need.verb, need.namespace) for need in preflight.needs(playbook([DRAIN | {"after": [BAD]}]), "default")}
    assert {("create", "shop"), ("delete", "shop")} <= asked


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(1, 25, 2))
def test_stopped_or_killed_anywhere_the_job_is_let_finish_and_nothing_is_left(number: int, how: str) -> None:
    stage = shop()
    asked = playbook([DRAIN | {"before": [GOOD], "after": [GOOD]}], [GOOD | {"name": "guard", "every": "1s"}])
    run = stage.run(asked)
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    assert as_before(stage)
