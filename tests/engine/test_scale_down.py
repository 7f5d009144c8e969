"""Fewer replicas, and back to as many as before: no request is lost with the ones too many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from stage import Stage, ending, left, shop

from underway.cluster.model import Ref
from underway.engine.events import Change
from underway.playbook.models import Playbook
from underway.simulated.faults import Refusals

WEB = Ref("deployment", "shop", "web")
OPEN: dict[str, Any] = {"name": "storefront", "http": {"url": "http://127.0.0.1:30080/", "every": "5ms"}}


def playbook(*steps: dict[str, Any]) -> Playbook:
    return Playbook.model_validate(
        {
            "apiVersion": "underway.dev/v1alpha1",
            "kind": "Playbook",
            "metadata": {"name": "scale"},
            "spec": {"guards": [OPEN], "steps": [*steps, {"soak": {"for": "10s"}}]},
        }
    )


def scale(**fields: Any) -> dict[str, Any]:
    return {"scale": {"workload": str(WEB), **fields}}


MORE = scale(by=2)
FEWER = scale(to=2)
BETWEEN: dict[str, Any] = {"nodes": {"select": {"names": ["underway-worker"]}}}


def replicas(stage: Stage) -> int:
    return stage.cluster.state().workloads[WEB].replicas


@pytest.mark.parametrize("steps", [(MORE,), (FEWER,), (FEWER, MORE), (MORE, BETWEEN), (scale(to=2, restore="never"),)])
def test_nobody_notices(steps: tuple[dict[str, Any], ...]) -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook(*steps)))
    assert receipt.outcome == "done", receipt.reason
    assert [probe.lost for probe in receipt.probes] == [0]
    assert receipt.probes[0].sent > 1000
    assert stage.witness.violations == []
    stage.rest()
    if "restore" in steps[0]["scale"]:
        assert replicas(stage) == 2
    else:
        assert left(stage.cluster.state()) == stage.before


def test_the_ones_too_many_count_as_moved_by_nobody() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook(MORE)))
    assert (receipt.pods_moved, receipt.handed_off, receipt.evicted) == (0, 0, 0)


@pytest.mark.parametrize("every", [2, 3])
def test_as_many_leave_as_are_too_many_also_where_the_number_is_refused_again_and_again(every: int) -> None:
    """What its ReplicaSet makes for a pod that has left is not Ready for seconds, and is not seen off in its turn."""
    stage = shop()
    stage.cluster.bring([Refusals(every)])
    receipt = stage.play(stage.run(playbook(MORE)))
    assert receipt.outcome == "done", receipt.reason
    assert [probe.lost for probe in receipt.probes] == [0]
    shed = {event.object for event in stage.events if isinstance(event, Change) and "one too many" in event.says}
    assert len(shed) == 2
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("steps", [(MORE,), (FEWER,)])
@pytest.mark.parametrize("how", ["stopped", "killed", "killed twice"])
@pytest.mark.parametrize("number", range(1, 42, 2))
def test_stopped_or_killed_anywhere_everything_is_as_before_and_nobody_notices(
    number: int, how: str, steps: tuple[dict[str, Any], ...]
) -> None:
    stage = shop()
    run = stage.run(playbook(*steps))
    requests = stage.cluster.traffic.start(stage.services[30080], 200, timedelta(milliseconds=20))
    if how == "killed twice":
        stage.play(run, ending(run, number, "killed"))
        run, number = stage.run(run.playbook, only_restore=True), len(stage.events) + 1 + number % 7
    receipt = stage.cut_short(run, number, "stopped" if how == "stopped" else "killed")
    assert receipt.left_changed == ()
    stage.rest()
    stage.cluster.traffic.look()
    assert requests.lost == 0, requests.reasons
    assert stage.witness.violations == []
    assert left(stage.cluster.state()) == stage.before


RELEASE: dict[str, Any] = {
    "rollout": {"workload": str(WEB), "images": {"web": "underway/shop:2"}, "batch": 1},
    "after": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}],
}


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(5, 75, 3))
def test_with_a_rollout_in_batches_on_top_the_first_number_comes_back(number: int, how: str) -> None:
    stage = shop()
    run = stage.run(playbook(scale(by=1), RELEASE))
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert replicas(stage) == 3
