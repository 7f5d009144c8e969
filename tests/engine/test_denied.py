"""Writes that are never allowed, whatever a verb wants to write: the run comes to its end, and says why."""

from __future__ import annotations

from typing import Any

import pytest
from stage import left, shop

from underway.cluster.actions import Action, CreateReplicaSet, DeleteLease, Outcome, PatchLease, PutLease
from underway.cluster.model import Ref
from underway.playbook.load import from_command_line

WEB = "deployment/shop/web"
STEPS: dict[str, dict[str, Any]] = {
    "nodes": {"nodes": {"select": {"names": ["underway-worker"]}}},
    "rollout": {"rollout": {"workload": WEB, "images": {"web": "underway/shop:2"}}},
    "native": {"rollout": {"workload": WEB, "images": {"web": "underway/shop:2"}, "strategy": "native"}},
    "statefulset": {"rollout": {"workload": "statefulset/shop/db", "restart": True}},
    "daemonset": {"rollout": {"workload": "daemonset/shop/agent", "restart": True}},
    "scale": {"scale": {"workload": WEB, "by": 1}},
    "job": {"job": {"image": "underway/shop:1", "timeout": "1m"}},
    "quarantine": {"quarantine": {"select": "app=cart"}},
    "job gate": {"check": {"gates": [{"job": {"image": "underway/shop:1", "timeout": "1m"}}]}},
}


@pytest.mark.parametrize("verb", STEPS)
def test_it_comes_to_its_end_and_nothing_is_left(verb: str) -> None:
    stage = shop()
    perform = stage.cluster.perform

    async def denied(action: Action) -> Outcome:
        allowed = isinstance(action, PutLease | PatchLease | DeleteLease)
        return await perform(action) if allowed else Outcome("denied", "a webhook says no")

    stage.cluster.perform = denied  # type: ignore[method-assign]
    receipt = stage.play(stage.run(from_command_line("denied", [STEPS[verb]])))
    assert receipt.outcome in ("failed", "timedOut"), receipt.reason
    if verb not in ("quarantine", "job gate"):  # they say what they wait for
        assert "a webhook says no" in receipt.reason
    assert receipt.duration_seconds < 15 * 60
    assert len(stage.events) < 200
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_version_that_is_denied_after_the_rollout_has_begun_is_undone() -> None:
    stage = shop()
    perform = stage.cluster.perform

    async def denied(action: Action) -> Outcome:
        is_new = isinstance(action, CreateReplicaSet) and not action.recorded
        return Outcome("denied", "this image is not signed") if is_new else await perform(action)

    stage.cluster.perform = denied  # type: ignore[method-assign]
    receipt = stage.play(stage.run(from_command_line("denied", [STEPS["rollout"]])))
    assert (receipt.outcome, receipt.left_changed) == ("failed", ())
    assert "this image is not signed" in receipt.reason
    assert stage.witness.violations == []
    stage.rest()
    web = stage.cluster.state().workloads[Ref("deployment", "shop", "web")]
    assert (web.paused, web.replicas, web.ready, web.template and web.template.images) == (
        False,
        3,
        3,
        {"web": "underway/shop:1"},
    )
